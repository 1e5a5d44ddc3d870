"""A restart: other workers first, then the end of the former ones, or no change at all."""

import asyncio
import logging
import os
import re
import signal

import pytest

from streamserver.serving import generation, supervisor
from support.family import LIMIT, WORKER, Family, Raise, errors
from support.process import alive
from support.waiting import wait_until

BROKEN = "import sys; sys.exit(3)"
SLEEPING = "import time; time.sleep(1000)"
ONE_OF_TWO = f"""
import os, pathlib
try:
    os.mkdir(pathlib.Path(__file__).with_name("first"))
except FileExistsError:
    {BROKEN}
{WORKER}
"""
HANGING = WORKER.replace("sys.exit(0)", "None")


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    logged = [record for record in caplog.records if record.levelno == logging.WARNING]
    return [record.getMessage() for record in logged if record.name == "streamserver"]


async def started(family: Family, count: int) -> set[int]:
    """The pids of its workers, when all listen."""
    await wait_until(lambda: family.announced, LIMIT)
    return await family.pids(count)


async def restarted(family: Family, count: int = 1) -> str:
    """Request a restart, and wait until it is over; why it has failed."""
    family.supervisor.restart()
    await wait_until(lambda: len(family.restarts) == count, LIMIT)
    return family.restarts[-1]


async def test_a_restart_replaces_all_workers(raise_family: Raise) -> None:
    async with raise_family(2) as family:
        before = await started(family, 2)
        assert await restarted(family) == ""
        await wait_until(lambda: set(family.exited) == before, LIMIT)
        after = await family.pids(2)
        assert not after & before
        assert family.announced == ["the url"]
        os.kill(after.pop(), signal.SIGKILL)
        assert len(after | await family.pids(2)) == 2


async def test_connections_in_the_backlog_of_a_worker_are_served_by_its_successor(
    raise_family: Raise,
) -> None:
    async with raise_family(1) as family:
        (before,) = await started(family, 1)
        os.kill(before, signal.SIGSTOP)
        waiting = [await family.connect() for _ in range(5)]
        assert await restarted(family) == ""
        after = set(await asyncio.gather(*waiting))
        assert len(after) == 1
        assert before not in after
        os.kill(before, signal.SIGCONT)
        await wait_until(lambda: family.exited == [before], LIMIT)


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        (BROKEN, "ended with exit status 3"),
        (ONE_OF_TWO, "ended with exit status 3"),
        (SLEEPING, "worker 1, 2 did not listen in 0.5 s"),
    ],
)
async def test_a_new_worker_that_cannot_start_changes_nothing(
    raise_family: Raise,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    program: str,
    reason: str,
) -> None:
    async with raise_family(2) as family:
        before = await started(family, 2)
        if program is SLEEPING:
            monkeypatch.setattr(generation, "SLOW", 0.2)
            monkeypatch.setattr(supervisor, "START", 0.5)
        family.script.write_text(program)
        assert reason in await restarted(family)
        (line,) = errors(caplog)
        assert line.startswith("the restart failed, and the workers are unchanged: worker ")
        await wait_until(lambda: len(family.exited) == 2, LIMIT)
        assert await family.pids(2) == before
        monkeypatch.undo()
        family.script.write_text(WORKER)
        assert await restarted(family, 2) == ""
        await wait_until(lambda: before < {*family.exited}, LIMIT)
        assert not await family.pids(2) & before


@pytest.mark.parametrize("early", [True, False])
async def test_a_slow_restart_is_logged_and_another_ends_it(
    raise_family: Raise,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    early: bool,
) -> None:
    monkeypatch.setattr(generation, "SLOW", 0.3)
    async with raise_family(1) as family:
        await started(family, 1)
        family.script.write_text(SLEEPING)
        family.supervisor.restart()
        await asyncio.sleep(0)
        if early:
            family.supervisor.restart()
            await wait_until(lambda: family.restarts, LIMIT)
        else:
            await wait_until(lambda: warnings(caplog), LIMIT)
            assert not family.restarts
        family.script.write_text(WORKER)
        assert await restarted(family, 3 if early else 2) == ""
    reason = "worker 1 did not listen before another restart was requested"
    assert family.restarts[0] == reason
    failed = f"the restart failed, and the workers are unchanged: {reason}"
    slow = (
        r"the restart waits: worker 1 \(pid \d+\) did not listen within 0\.3 s; "
        "it fails in 89.7 s, or when another one is requested"
    )
    logged = [record.getMessage() for record in caplog.records if record.levelno > logging.INFO]
    assert re.fullmatch(re.escape(failed) if early else slow, logged[0])


async def test_requests_during_a_restart_cause_one_more(raise_family: Raise) -> None:
    async with raise_family(1) as family:
        await started(family, 1)
        family.supervisor.restart()
        await asyncio.sleep(0)
        for _ in range(3):
            family.supervisor.restart()
        await wait_until(lambda: len(family.exited) == 2, LIMIT)
        assert family.restarts == ["", ""]
        assert await restarted(family, 3) == ""


async def test_a_stop_during_a_restart_ends_both_generations(raise_family: Raise) -> None:
    async with raise_family(2) as family:
        before = await started(family, 2)
        family.script.write_text(SLEEPING)
        family.supervisor.restart()
        await asyncio.sleep(0.05)
        family.supervisor.stop()
        await family.ended()
        assert len(family.exited) == 4
        assert before < {*family.exited}
        assert not any(map(alive, family.exited))
        assert family.restarts == []


async def test_a_worker_that_dies_during_a_restart_is_replaced(
    raise_family: Raise, caplog: pytest.LogCaptureFixture
) -> None:
    async with raise_family(1) as family:
        (before,) = await started(family, 1)
        family.script.write_text("import time; time.sleep(0.2)\n" + WORKER)
        family.supervisor.restart()
        os.kill(before, signal.SIGKILL)
        await wait_until(lambda: len(family.exited) == 2, LIMIT)
        assert family.restarts == [""]
        (line,) = errors(caplog)
        assert line.endswith("was killed by signal 9 (Killed); another starts now")
        (after,) = await family.pids(1)
        assert after not in family.exited


async def test_a_restart_starts_workers_that_could_not_start_before(raise_family: Raise) -> None:
    async with raise_family(1, "broken") as family:
        await wait_until(lambda: len(family.exited) >= 2, LIMIT)
        family.script.write_text(WORKER.replace('"broken"', "None"))
        assert await restarted(family) == ""
        await started(family, 1)


async def test_a_worker_that_does_not_end_is_killed(
    raise_family: Raise, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generation, "MARGIN", 0.2)
    async with raise_family(1, grace=0.1) as family:
        family.script.write_text(HANGING)
        assert await restarted(family) == ""
        family.script.write_text(WORKER)
        assert await restarted(family, 2) == ""
        await wait_until(lambda: len(family.exited) == 2, LIMIT)


async def test_a_change_that_needs_a_new_start_is_logged(
    raise_family: Raise, caplog: pytest.LogCaptureFixture
) -> None:
    async with raise_family(1) as family:
        await started(family, 1)
        family.script.write_text(WORKER.replace("port 1", "port 2"))
        assert await restarted(family) == ""
    (line,) = warnings(caplog)
    assert line == "a restart does not change port 1 to port 2: stop the server and start it again"
