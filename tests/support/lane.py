"""A relay in a loop of its own that outlives many exchanges, for tests that try many."""

import asyncio
import contextlib
import threading
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from streamserver.proxy.proxy import Proxy
from streamserver.proxy.settings import PoolLimits
from support.inprocess import Served, running
from support.loops import factory, open_spares
from support.rawserver import RawServer, raw_server

T = TypeVar("T")
SECONDS = 20.0
"""How long an exchange may take."""


@dataclass(slots=True)
class Lane:
    """A relay, its upstream, and the loop in which both of them run."""

    loop: asyncio.AbstractEventLoop
    upstream: RawServer
    server: Served

    def run(self, exchange: Coroutine[Any, Any, T]) -> T:
        """Run it to its end, then close the connections that the upstream accepted."""

        async def whole() -> T:
            with self.upstream.accepted:
                return await exchange

        return _run(self.loop, whole())


@contextlib.contextmanager
def lane(kind: str, url: str = "") -> Iterator[Lane]:
    """A lane in a loop of this kind, `asyncio` or `uvloop`, to this URL.

    Without one it leads to its own upstream, to which each exchange takes a new connection.
    """
    with _loop(kind) as loop:
        stack = contextlib.AsyncExitStack()

        async def start() -> Lane:
            await open_spares()
            upstream = await stack.enter_async_context(raw_server())
            proxy = Proxy(url) if url else Proxy(upstream.url, pool=PoolLimits(idle=0))
            return Lane(loop, upstream, await stack.enter_async_context(running(proxy)))

        try:
            yield _run(loop, start())
        finally:
            _run(loop, stack.aclose())


@contextlib.contextmanager
def _loop(kind: str) -> Iterator[asyncio.AbstractEventLoop]:
    """A loop that runs without a break, so that it opens nothing twice: in a thread."""
    loop = factory(kind)()
    loop.set_debug(True)
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield loop
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def _run(loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, T]) -> T:
    async def bounded() -> T:
        async with asyncio.timeout(SECONDS):
            return await work

    return asyncio.run_coroutine_threadsafe(bounded(), loop).result()
