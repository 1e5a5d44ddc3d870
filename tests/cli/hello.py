"""A handler for the tests of the command line; they start servers that load it by name."""

import asyncio
import logging
import os
import threading
import warnings
from collections.abc import AsyncIterator

from streamserver import EventStream, Feed, Request, Response, Router

GAP = 0.05
"""Seconds between two pieces, at least."""
FEED_HOLDS = 4
"""Events that the feed holds, so that readers soon fall off."""
FEED = Feed("hello", max_events=FEED_HOLDS)
HOSTILE = "no \x1b[2J\x9b31m\u202e\u200b<b>, key {key}"
"""What no terminal may execute, and no page take for its own."""
routed = Router()


async def app(request: Request) -> Response:
    """Tell what the path asks for."""
    match request.path:
        case "/pid":
            return Response(str(os.getpid()))
        case "/loop":
            return Response(type(asyncio.get_running_loop()).__module__)
        case "/variables":
            return Response.json([name for name in os.environ if name.startswith("STREAMSERVER_")])
        case "/client":
            return Response(str(request.client))
        case target if target.endswith("/seen"):
            return Response.json({"target": request.target, "fields": [*request.headers.items()]})
        case "/error":
            raise RuntimeError("secret\n\x1b[31mred")
        case "/noise":
            make_noise()
        case "/hostile":
            return Response(HOSTILE.format(key=request.headers.get("x-api-key")), status=503)
        case "/events":
            return EventStream(ticks())
        case "/stubborn":
            return Response(stubborn())
        case "/feed" if request.method == "POST":
            return Response(await FEED.publish(await request.text()), status=201)
        case "/feed":
            return FEED.subscribe(request)
    return Response("hello")


def make_noise() -> None:
    """Write to standard error in every way that ends no process."""
    warnings.warn("one\ntwo", RuntimeWarning, stacklevel=2)
    logging.getLogger("app").error("%d", "no number")
    logging.getLogger("app").error("with a stack", stack_info=True)
    failing = threading.Thread(target=lambda: 1 // 0)
    failing.start()
    failing.join()
    Unraisable()
    asyncio.get_running_loop().call_soon(lambda: 1 // 0)


class Unraisable:
    """Its end cannot be reported to a caller."""

    def __del__(self) -> None:
        raise ValueError("at the end")


async def ticks() -> AsyncIterator[str]:
    """Events without an end."""
    while True:
        yield "tick"
        await asyncio.sleep(1)


async def stubborn() -> AsyncIterator[bytes]:
    """A body that is not whole wherever it is cut, so that draining has to wait for it."""
    yield b"begun"
    await asyncio.Event().wait()


@routed.get("/pieces")
async def pieces(request: Request) -> Response:
    """Three, with gaps between them."""

    async def each() -> AsyncIterator[bytes]:
        yield b"one"
        for piece in (b"two", b"three"):
            await asyncio.sleep(GAP)
            yield piece

    return Response(each())
