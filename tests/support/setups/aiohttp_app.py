"""aiohttp, as a program: ``/numbers``, ``/endless`` and ``/rhythm/{name}``."""

import asyncio

from aiohttp import web

from support.setups.counting import COUNT, FOREVER, HEADERS, encoded
from support.setups.rhythms import pieces


async def events(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers=HEADERS)
    await response.prepare(request)
    count = FOREVER if request.path == "/endless" else COUNT
    async for data in encoded(request.headers.get("Last-Event-ID"), count):
        await response.write(data)
    return response


async def rhythm(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers=HEADERS)
    await response.prepare(request)
    async for data in pieces(request.match_info["name"]):
        await response.write(data)
    return response


async def main() -> None:
    app = web.Application()
    app.add_routes([web.get("/numbers", events), web.get("/endless", events)])
    app.add_routes([web.get("/rhythm/{name}", rhythm)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print(f"listening on http://127.0.0.1:{runner.addresses[0][1]}", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
