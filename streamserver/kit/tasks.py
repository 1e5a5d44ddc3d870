"""Cancelling tasks for certain."""

import asyncio
from collections.abc import Iterable
from typing import Any

CANCEL_AGAIN = 0.5
"""Seconds until a task that was cancelled and still runs is cancelled again."""


async def cancel(tasks: Iterable["asyncio.Task[Any]"]) -> None:
    """Cancel tasks until they end: before Python 3.12 ``wait_for``, which redis-py uses to send,
    can suppress a cancellation."""
    running = {*tasks}
    while running := {task for task in running if not task.done()}:
        for task in running:
            task.cancel()
        await asyncio.wait(running, timeout=CANCEL_AGAIN)
