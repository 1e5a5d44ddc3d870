"""Waiting for absolute times.

Whoever sleeps for a while after each event adds the time that the event took to every round. Here
all times are counted from the beginning of a stream, and how late each event was is kept.
"""

import asyncio
from collections.abc import AsyncGenerator, Iterable
from time import monotonic_ns
from typing import NamedTuple

from streamserver.lab.target.schedule import SECOND


class Due(NamedTuple):
    """An event whose time has come; times in ns of ``time.monotonic_ns``."""

    seq: int
    due: int
    sent: int
    """Now: what is yielded is sent before anything else runs."""


async def paced(due_times: Iterable[int]) -> AsyncGenerator[Due, None]:
    """A number for each of the times, which are ns from now, when it has come."""
    begin = monotonic_ns()
    for seq, offset in enumerate(due_times):
        due = begin + offset
        # A loop's timers may be early by as much as its clock is coarse. Others have their turn
        # even if the time is past.
        await asyncio.sleep(max(due - monotonic_ns(), 0) / SECOND)
        while (now := monotonic_ns()) < due:
            await asyncio.sleep((due - now) / SECOND)
        yield Due(seq, due, now)
