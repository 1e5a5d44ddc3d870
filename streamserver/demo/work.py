"""The work that a job of the demo does: it takes its time, and may fail."""

from collections.abc import AsyncGenerator
from typing import Literal, TypeAlias

from streamserver.kit.pace import Pace

Ended: TypeAlias = Literal["done", "cancelled", "failed"]
"""How a job may end."""


async def work(steps: int, interval: float, fail_at: int) -> AsyncGenerator[int, None]:
    """So many steps, so many seconds apart; RuntimeError at the step ``fail_at``, if any."""
    pace = Pace(interval)
    for step in range(1, steps + 1):
        await pace.until(step)
        if step == fail_at:
            raise RuntimeError(f"step {step} was told to fail")
        yield step
