"""This package, as a program: ``/numbers``, ``/endless``, ``/rhythm/{name}``, and ``/feed``, which
readers share; ``/compressed`` and ``/compressed-feed`` in a content coding."""

import asyncio
from collections.abc import AsyncIterator

from streamserver import Event, EventStream, Feed, Request, Response, Router, compress, serve
from support.setups.counting import COUNT, FOREVER, HEADERS, numbers
from support.setups.rhythms import pieces

app, feed = Router(), Feed("setup", retry=1500)


async def events(last: str | None, count: int) -> AsyncIterator[Event]:
    async for n, data in numbers(last, count):
        yield Event(data, id=n)


@app.get("/numbers")
async def finite(request: Request) -> Response:
    return EventStream(events(request.last_event_id, COUNT), retry=1500)


@app.get("/endless")
async def endless(request: Request) -> Response:
    return EventStream(events(request.last_event_id, FOREVER), retry=1500)


@app.get("/rhythm/{name}")
async def rhythm(request: Request) -> Response:
    return Response(pieces(request.params["name"]), headers=HEADERS)


@app.get("/feed")
async def subscribe(request: Request) -> Response:
    return feed.subscribe(request)


app.get("/compressed")(compress(finite))
app.get("/compressed-feed")(compress(subscribe))


async def main() -> None:
    async with serve(app, port=0) as server:
        print(f"listening on {server.url}", flush=True)
        async for _, data in numbers(None, FOREVER):
            await feed.publish(data)


if __name__ == "__main__":
    asyncio.run(main())
