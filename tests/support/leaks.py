"""What a test may not leave behind: tasks and descriptors.

An open connection is a descriptor, so counting descriptors finds forgotten connections too,
on the server's side as on the client's.
"""

import asyncio
import contextlib
import gc
import os
from collections.abc import AsyncIterator

from streamserver.server.descriptors import of_process
from support import phases
from support.waiting import wait_until


def descriptors() -> set[str]:
    """This process's descriptors as `number -> what it is` (none where /dev/fd has no links)."""
    found = set()
    for number in os.listdir("/dev/fd"):
        with contextlib.suppress(OSError):
            found.add(f"{number} -> {os.readlink(f'/dev/fd/{number}')}")
    return found


@contextlib.asynccontextmanager
async def no_leaks(timeout: float = 5.0) -> AsyncIterator[None]:
    """Fail unless every task and descriptor made inside is gone `timeout` seconds after the end,
    and what was taken of the process's budget of descriptors is given back."""
    tasks, files, budget = asyncio.all_tasks(), descriptors(), of_process()
    taken = budget.in_use
    yield
    phases.check()

    def leaked() -> set[object]:
        others = asyncio.all_tasks() - tasks - {asyncio.current_task()}
        now = descriptors()
        new, gone = now - files, files - now
        # Each time that uvloop is run it opens a pair of sockets anew, in place of the last one.
        if len(new) <= len(gone) and type(asyncio.get_running_loop()).__module__ == "uvloop":
            new = set()
        held = {f"{budget.in_use - taken} of the budget"} if budget.in_use > taken else set()
        return {*others, *new, *held}

    try:
        await wait_until(lambda: not leaked(), timeout)
    except AssertionError:
        raise AssertionError(f"left behind after {timeout} s: {leaked()}") from None


def objects(*kinds: type) -> list[object]:
    """All objects of these types."""
    return [each for each in gc.get_objects() if isinstance(each, kinds)]
