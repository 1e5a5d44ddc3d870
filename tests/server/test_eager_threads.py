"""Loops in several threads: a call that one of them holds never runs in another thread."""

import asyncio
import contextlib
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from streamserver.server import eager
from support.loops import SECONDS, factory

THREADS = 3
ROUNDS = 20
"""A single round could succeed by chance: the thread may take the call that it has held."""

Act = Callable[[asyncio.AbstractEventLoop, Callable[[], object]], object]


def meeting(kind: str, barrier: threading.Barrier) -> asyncio.AbstractEventLoop:
    """A loop that waits, when its ``call_soon`` is no longer replaced, until those of all other
    threads were replaced too."""

    with contextlib.closing(factory(kind)()) as loop:
        base = type(loop)

    class Meeting(base):  # type: ignore[misc,valid-type]  # known at run time
        def __delattr__(self, name: str) -> None:
            super().__delattr__(name)
            barrier.wait(SECONDS)

    return Meeting()


def start(loop: asyncio.AbstractEventLoop, callback: Callable[[], object]) -> None:
    """Start work that calls ``callback``."""

    async def work() -> None:
        callback()

    assert eager.start(work(), loop) is None


def resolve(loop: asyncio.AbstractEventLoop, callback: Callable[[], object]) -> None:
    """Resolve a future that calls ``callback``."""
    waiter = loop.create_future()
    waiter.add_done_callback(lambda _: callback())
    eager.resolve(waiter, None, loop)


@pytest.mark.parametrize("act", [start, resolve])
@pytest.mark.parametrize("kind", ["asyncio", "uvloop"])
def test_each_is_called_in_its_own_thread(kind: str, act: Act) -> None:
    everyone = threading.Barrier(THREADS)

    def thread(_: int) -> list[int]:
        loop, seen = meeting(kind, everyone), list[int]()

        def callback() -> None:
            try:
                for _ in range(ROUNDS):
                    act(loop, lambda: seen.append(threading.get_ident()))
            except BaseException:
                everyone.abort()  # the other threads need not wait for this one
                raise
            finally:
                loop.stop()

        with contextlib.closing(loop):
            loop.call_soon(callback)
            loop.run_forever()
        assert seen == [threading.get_ident()] * ROUNDS
        return seen

    with ThreadPoolExecutor(THREADS) as threads:
        assert len({seen[0] for seen in threads.map(thread, range(THREADS))}) == THREADS
