"""The low-level server of aiohttp: a handler without application and router."""

import asyncio
from pathlib import Path

from aiohttp import web

from benchmarks.servers import loops
from benchmarks.servers.work import CHUNK, CHUNKS, CONTENT_TYPE, FILE, SILENCE, WORK, count_of

HEADERS = {"Content-Type": CONTENT_TYPE, "Cache-Control": "no-cache"}


async def alone(request: web.BaseRequest) -> web.StreamResponse:
    response = web.StreamResponse(headers=HEADERS)
    await response.prepare(request)
    for _ in range(CHUNKS):
        await response.write(CHUNK)
        await asyncio.sleep(0)
    return response


async def burst(request: web.BaseRequest) -> web.StreamResponse:
    response = web.StreamResponse(headers=HEADERS)
    await response.prepare(request)
    for _ in range(CHUNKS):
        await response.write(CHUNK)
    return response


async def long(request: web.BaseRequest) -> web.StreamResponse:
    response = web.StreamResponse(headers=HEADERS)
    await response.prepare(request)
    for _ in range(count_of(request.query_string)):
        await response.write(CHUNK)
    return response


async def idle(request: web.BaseRequest) -> web.StreamResponse:
    response = web.StreamResponse(headers=HEADERS)
    await response.prepare(request)
    await response.write(CHUNK)
    await asyncio.sleep(SILENCE)
    return response


async def file(request: web.BaseRequest) -> web.StreamResponse:
    return web.FileResponse(Path(FILE))


async def start(port: int) -> web.ServerRunner:
    handler = {"alone": alone, "burst": burst, "long": long, "idle": idle, "file": file}[WORK]
    runner = web.ServerRunner(web.Server(handler, access_log=None))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    return runner


if __name__ == "__main__":
    loops.run(start)
