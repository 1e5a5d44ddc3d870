"""A coroutine run by itself, in an event loop of either kind."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from support import peers

Main = Callable[[asyncio.AbstractEventLoop], Coroutine[Any, Any, None]]
Run = Callable[[Main], None]
SECONDS = 10.0
"""How long it may take."""


def runner(kind: str) -> Run:
    """Runs a coroutine in a loop of this kind, `asyncio` or `uvloop`, in debug mode."""
    factory = None if kind == "asyncio" else peers.module(kind).new_event_loop

    def run(main: Main) -> None:
        async def bounded() -> None:
            await asyncio.wait_for(main(asyncio.get_running_loop()), SECONDS)

        with asyncio.Runner(debug=True, loop_factory=factory) as loop:
            loop.run(bounded())

    return run
