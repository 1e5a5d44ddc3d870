"""aiohttp with aiohttp-sse: a feed after its documentation, with a queue per reader."""

import asyncio

from aiohttp import web
from aiohttp_sse import EventSourceResponse, sse_response

from benchmarks.servers import loops
from benchmarks.servers.work import SILENCE

Queue = asyncio.Queue[str]
_queues: set[Queue] = set()


async def subscribe(request: web.Request) -> EventSourceResponse:
    async with sse_response(request, ping_interval=SILENCE) as response:
        queue = Queue()
        _queues.add(queue)
        try:
            while response.is_connected():
                await response.send(await queue.get())
                queue.task_done()
        finally:
            _queues.remove(queue)
    return response


async def publish(request: web.Request) -> web.Response:
    data = await request.text()
    for queue in _queues:
        await queue.put(data)
    return web.Response(status=204)


async def start(port: int) -> web.AppRunner:
    app = web.Application()
    app.add_routes([web.get("/stream", subscribe), web.post("/publish", publish)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    return runner


if __name__ == "__main__":
    loops.run(start)
