"""Event loops of either kind, `asyncio` or `uvloop`, and a coroutine run in one by itself."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from support import peers

Main = Callable[[asyncio.AbstractEventLoop], Coroutine[Any, Any, None]]
Run = Callable[[Main], None]
SECONDS = 10.0
"""How long it may take."""


def factory(kind: str) -> Callable[[], asyncio.AbstractEventLoop]:
    """What makes loops of this kind."""
    make: Callable[[], asyncio.AbstractEventLoop]
    make = asyncio.new_event_loop if kind == "asyncio" else peers.module(kind).new_event_loop
    return make


async def open_spares() -> None:
    """Have the running loop open what it keeps: uvloop does so with its first server, for good.

    A descriptor of the loop's own is no leak of ours.
    """
    (await asyncio.get_running_loop().create_server(asyncio.Protocol, "127.0.0.1", 0)).close()


def runner(kind: str) -> Run:
    """Runs a coroutine in a loop of this kind, in debug mode."""
    make = factory(kind)

    def run(main: Main) -> None:
        async def bounded() -> None:
            await asyncio.wait_for(main(asyncio.get_running_loop()), SECONDS)

        with asyncio.Runner(debug=True, loop_factory=make) as loop:
            loop.run(bounded())

    return run
