"""streamserver: `app` is a handler without a router, `routed` the same behind a Router."""

import asyncio
from collections.abc import AsyncIterator

from benchmarks.servers.deltas import DELTAS
from benchmarks.servers.work import (
    CHUNK,
    CHUNKS,
    CODED_FEEDS,
    CODED_TOKENS,
    CONTENT_TYPE,
    DATA,
    FILE,
    REDIS,
    ROW,
    ROW_TYPE,
    SILENCE,
    TOPIC,
    WORK,
    count_of,
)
from streamserver import (
    Event,
    EventStream,
    FileResponse,
    Request,
    Response,
    Router,
    StreamController,
    compress,
)
from streamserver.feed import Feed, Redis

HEADERS = {"content-type": CONTENT_TYPE, "cache-control": "no-cache"}
_open: list[StreamController] = []
feed = Feed(
    TOPIC,
    Redis(REDIS) if REDIS else None,
    heartbeat=None if WORK == "crowd" else SILENCE,
)


async def alone() -> AsyncIterator[bytes]:
    for _ in range(CHUNKS):
        yield CHUNK
        await asyncio.sleep(0)


async def burst() -> AsyncIterator[bytes]:
    for _ in range(CHUNKS):
        yield CHUNK


async def long(count: int) -> AsyncIterator[bytes]:
    for _ in range(count):
        yield CHUNK


async def export(count: int) -> AsyncIterator[bytes]:
    for n in range(count):
        yield ROW % (n, n)


async def idle() -> AsyncIterator[bytes]:
    yield CHUNK
    await asyncio.sleep(SILENCE)


async def idle_events() -> AsyncIterator[Event]:
    yield Event(DATA)
    await asyncio.sleep(SILENCE)


async def serve_alone(request: Request) -> Response:
    return Response(alone(), headers=HEADERS)


async def serve_burst(request: Request) -> Response:
    return Response(burst(), headers=HEADERS)


async def counted() -> AsyncIterator[Event]:
    for n in range(CHUNKS):
        yield Event({"count": n})
        await asyncio.sleep(0)


async def serve_ladder(request: Request) -> Response:
    return EventStream(counted())


async def serve_long(request: Request) -> Response:
    return Response(long(count_of(request.target.partition("?")[2])), headers=HEADERS)


async def serve_export(request: Request) -> Response:
    rows = export(count_of(request.target.partition("?")[2]))
    return Response(rows, headers={"content-type": ROW_TYPE})


async def serve_idle(request: Request) -> Response:
    return Response(idle(), headers=HEADERS)


async def serve_idle_push(request: Request) -> Response:
    stream = StreamController()
    stream.enqueue(CHUNK)
    _open.append(stream)
    return Response(stream, headers=HEADERS)


async def serve_idle_events(request: Request) -> Response:
    return EventStream(idle_events(), heartbeat=15.0)


async def serve_publish(request: Request) -> Response:
    await feed.publish(await request.text())
    return Response(status=204)


async def tokens(count: int, seconds: float) -> AsyncIterator[bytes]:
    for n in range(count):
        yield DELTAS[n % len(DELTAS)]
        await asyncio.sleep(0)
    if seconds:
        await asyncio.sleep(seconds)


async def serve_tokens(request: Request) -> Response:
    count = count_of(request.target.partition("?")[2])
    silence = SILENCE if request.path == "/idle" else 0
    return Response(tokens(count, silence), headers=HEADERS)


async def serve_file(request: Request) -> Response:
    return FileResponse(FILE)


async def subscribe(request: Request) -> Response:
    return feed.subscribe(request)


handler = {
    "alone": serve_alone,
    "burst": serve_burst,
    "long": serve_long,
    "export": serve_export,
    "ladder": serve_ladder,
    "idle": serve_idle,
    "idle-push": serve_idle_push,
    "idle-events": serve_idle_events,
    "fanout": subscribe,
    "fanout-workers": subscribe,
    "crowd": subscribe,
    "file": serve_file,
    **dict.fromkeys(CODED_TOKENS, compress(serve_tokens)),
    **dict.fromkeys(CODED_FEEDS, subscribe),
}[WORK]

routed = Router()
routed.get("/stream")(handler)
routed.post("/publish")(serve_publish)

app = compress(routed) if WORK in CODED_FEEDS else routed if WORK.startswith("fanout") else handler
