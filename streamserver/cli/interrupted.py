"""Work that a signal may end early, and that then lets go of all that it has begun."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from streamserver.cli.problem import CannotServe
from streamserver.serving.signals import SIGNALS

T = TypeVar("T")


async def unless_interrupted(work: Coroutine[Any, Any, T]) -> T:
    """What the work comes to; CannotServe if SIGINT or SIGTERM came first."""
    working = asyncio.create_task(work)
    for number in SIGNALS:
        asyncio.get_running_loop().add_signal_handler(number, working.cancel)
    try:
        return await working
    except asyncio.CancelledError:
        raise CannotServe("it was interrupted, and tells nothing") from None
