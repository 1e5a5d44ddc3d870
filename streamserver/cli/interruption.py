"""Commands that report nothing when a signal ends them, but release what they opened."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from streamserver.cli.loops import loop_factory
from streamserver.cli.problem import CannotServe
from streamserver.serving.signals import SIGNALS

T = TypeVar("T")


def run_interruptible(loop: str, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """The result of the work on the loop of this name; CannotServe if SIGINT or SIGTERM ends it."""

    async def run() -> T:
        task = asyncio.create_task(work())
        for number in SIGNALS:
            asyncio.get_running_loop().add_signal_handler(number, task.cancel)
        try:
            return await task
        except asyncio.CancelledError:
            raise CannotServe("interrupted: nothing is reported") from None

    with asyncio.Runner(loop_factory=loop_factory(loop)) as runner:
        return runner.run(run())
