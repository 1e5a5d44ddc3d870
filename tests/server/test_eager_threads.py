"""Loops in several threads: what is held of one is never called in another's."""

import asyncio
import contextlib
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from streamserver.server import eager
from support.loops import SECONDS, factory

THREADS = 3
ROUNDS = 20
"""One may end well by luck: whoever takes the last of what is held may have put it there."""

Act = Callable[[asyncio.AbstractEventLoop, Callable[[], object]], object]


class Attributes(dict[str, Any]):
    """A loop's attributes: when it is held no longer, it waits until all others were held too."""

    def __init__(self, loop: asyncio.AbstractEventLoop, everyone: threading.Barrier) -> None:
        super().__init__(vars(loop))
        self.everyone = everyone

    def __delitem__(self, name: str) -> None:
        super().__delitem__(name)
        self.everyone.wait(SECONDS)


def start(loop: asyncio.AbstractEventLoop, tell: Callable[[], object]) -> None:
    """Start work that tells."""

    async def work() -> None:
        tell()

    assert eager.start(work(), loop) is None


def resolve(loop: asyncio.AbstractEventLoop, tell: Callable[[], object]) -> None:
    """Resolve a future that tells."""
    waiter = loop.create_future()
    waiter.add_done_callback(lambda _: tell())
    eager.resolve(waiter, None, loop)


@pytest.mark.parametrize("act", [start, resolve])
@pytest.mark.parametrize("kind", ["asyncio", "uvloop"])
def test_each_is_called_in_its_own_thread(kind: str, act: Act) -> None:
    everyone = threading.Barrier(THREADS)

    def thread(_: int) -> list[int]:
        loop, seen = factory(kind)(), list[int]()

        def callback() -> None:
            try:
                for _ in range(ROUNDS):
                    act(loop, lambda: seen.append(threading.get_ident()))
            except BaseException:
                everyone.abort()  # so that nobody waits for this thread
                raise
            finally:
                loop.stop()

        loop.__dict__ = Attributes(loop, everyone)
        with contextlib.closing(loop):
            loop.call_soon(callback)
            loop.run_forever()
        assert seen == [threading.get_ident()] * ROUNDS
        return seen

    with ThreadPoolExecutor(THREADS) as threads:
        assert len({seen[0] for seen in threads.map(thread, range(THREADS))}) == THREADS
