"""Several processes for one run: their figures are one, and a death among them is told."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from time import monotonic_ns
from typing import Any

import pytest

from lab.load.conftest import Site
from streamserver.lab.client.client import Ask
from streamserver.lab.client.record import Record
from streamserver.lab.load.job import Job, write_job
from streamserver.lab.load.messages import write
from streamserver.lab.load.parent import CannotRun, Family, Outcome, Watcher
from streamserver.lab.load.profile import parse
from streamserver.lab.report.live import Progress
from support.process import ROOT
from support.waiting import wait_until

CHILD = [sys.executable, "-m", "streamserver", "bench", "--child"]


@pytest.fixture(autouse=True)
def at_home(monkeypatch: pytest.MonkeyPatch) -> None:
    """Children find the project in the working directory."""
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("PYTHONWARNINGS", "error")
    monkeypatch.setenv("PYTHONASYNCIODEBUG", "1")


async def run(site: Site, processes: int, watcher: Watcher | None = None, **job: Any) -> Outcome:
    return await Family(site.job(**job), processes, CHILD, watcher).run()


@pytest.mark.parametrize("processes", [1, 2])
async def test_all_is_asked_once_and_the_figures_are_of_all(site: Site, processes: int) -> None:
    told: list[Record] = []
    outcome = await run(
        site, processes, Watcher(tell=told.append), rate="100", count=20, tells=True
    )
    assert outcome.problems == []
    assert sorted(site.held.targets) == sorted(f"/{n}" for n in range(20))
    summary = outcome.summary
    assert summary.ends == {"complete": 20}
    assert len(told) == 20
    # All have begun by one clock: together they keep to one plan.
    begin = min(one.planned for one in told)
    assert sorted(one.planned - begin for one in told) == [n * 10_000_000 for n in range(20)]
    assert summary.start_late.get_total_count() == 20
    assert summary.histograms["connect"].get_total_count() >= processes
    heads = sorted(one.head - one.planned for one in told)
    assert summary.histograms["head"].get_max_value() == pytest.approx(heads[-1], rel=1e-3)
    assert summary.histograms["head"].get_value_at_percentile(50) == pytest.approx(
        heads[9], rel=1e-3
    )
    assert summary.slowest.records()[0].head - summary.slowest.records()[0].planned == heads[-1]
    assert (summary.began, summary.ended) == (begin, max(one.ended for one in told))
    assert summary.resolving > 0


async def test_how_far_they_are_is_shown_while_they_run(site: Site) -> None:
    seen: list[Progress] = []
    site.held.gate.clear()
    family = Family(site.job(concurrency="4", count=9), 2, CHILD, Watcher(show=seen.append))

    def show(now: Progress) -> None:
        seen.append(now)
        if now.open == 4:
            site.held.gate.set()

    family._watcher.show = show
    outcome = await family.run()
    assert outcome.summary.ends == {"complete": 9}
    assert any(now.open == 4 and now.seconds > 0.5 for now in seen)


async def test_one_that_is_stopped_tells_the_figures_so_far(site: Site) -> None:
    held = site.held
    family = Family(site.job(concurrency="2", duration=60), 2, CHILD)

    async def stop() -> None:
        await wait_until(lambda: len(held.targets) > 20, timeout=20)
        held.gate.clear()
        await wait_until(lambda: held.waiting == 2)
        family.stop()

    stopping = asyncio.create_task(stop())
    outcome = await family.run()
    await stopping
    held.gate.set()
    assert outcome.problems == []
    assert outcome.summary.ends["stopped"] == 2
    assert outcome.summary.ends["complete"] == len(held.targets) - 2
    assert outcome.summary.errors == 0


async def test_one_that_dies_is_told_and_ends_the_run(site: Site) -> None:
    seen: list[Progress] = []
    others = _children()  # what other tests have running

    def show(now: Progress) -> None:
        if not seen and now.summary.ends.total():
            seen.append(now)
            os.kill(min(_children() - others), signal.SIGKILL)

    family = Family(site.job(concurrency="2", duration=60), 2, CHILD, Watcher(show=show))
    outcome = await family.run()
    assert len(outcome.problems) == 1
    assert outcome.problems[0].endswith("ended early, with status -9, of 2")
    # What it had told counts, beside what the other did.
    assert outcome.summary.ends["complete"] >= seen[0].summary.ends["complete"]


def _children() -> set[int]:
    """The pids of this process's children."""
    pid = os.getpid()
    with open(f"/proc/{pid}/task/{pid}/children") as children:
        return {int(child) for child in children.read().split()}


async def test_a_name_that_nobody_has_is_told_before_all_else() -> None:
    job = Job(Ask("http://name.invalid/"), concurrency=parse("2"))
    with pytest.raises(CannotRun, match="Errno"):
        await Family(job, 2, CHILD).run()


async def test_one_that_is_stopped_before_it_began_is_told(site: Site) -> None:
    family = Family(site.job(concurrency="2"), 2, CHILD)
    running = asyncio.create_task(family.run())
    await asyncio.sleep(0)
    family.stop()
    with pytest.raises(CannotRun, match="stopped before it began"):
        await running
    assert site.held.targets == []


async def test_one_that_cannot_begin_is_told(site: Site) -> None:
    broken = [sys.executable, "-c", "import sys; sys.stdin.readline(); sys.exit(7)"]
    with pytest.raises(CannotRun, match="process 1 ended early, with status 7"):
        await Family(site.job(concurrency="1"), 1, broken).run()


def test_a_child_without_a_job_or_a_parent_ends_by_itself() -> None:
    done = subprocess.run(CHILD, input=b"", capture_output=True, timeout=50, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (1, b"", b"")


async def test_a_child_whose_parent_goes_ends_its_load(site: Site) -> None:
    child = await asyncio.create_subprocess_exec(
        *CHILD, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert child.stdin is not None
    assert child.stdout is not None
    job = write_job(site.job(concurrency="1", duration=60))
    child.stdin.write(write({"job": job, "share": [0, 1]}))
    assert json.loads(await child.stdout.readline()) == {"ready": True}
    child.stdin.write(write({"start": monotonic_ns()}))
    await wait_until(lambda: site.held.targets)
    child.stdin.close()
    *_, last = (await child.stdout.read()).splitlines()
    assert json.loads(last)["done"]["ends"]["complete"] > 0
    assert await child.wait() == 0
