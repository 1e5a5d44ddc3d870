"""Tasks are cancelled until they end, even if one suppresses a cancellation."""

import asyncio

import pytest

from streamserver.kit import tasks
from streamserver.kit.tasks import cancel


async def test_a_task_that_suppresses_a_cancellation_is_cancelled_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tasks, "CANCEL_AGAIN", 0.01)
    suppressed = 0

    async def stubborn() -> None:
        nonlocal suppressed
        while suppressed < 2:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                suppressed += 1
        await asyncio.Event().wait()

    async def waiting() -> None:
        await asyncio.Event().wait()

    both = [asyncio.create_task(stubborn()), asyncio.create_task(waiting())]
    await asyncio.sleep(0)
    await cancel(both)
    assert [task.cancelled() for task in both] == [True, True]
    assert suppressed == 2


async def test_tasks_that_have_ended_are_left_alone() -> None:
    async def ready() -> int:
        return 1

    task = asyncio.create_task(ready())
    await task
    await cancel([task])
    assert task.result() == 1
    await cancel([])
