"""Several processes for one run: their figures are merged, and a death is reported."""

import asyncio
import os
import signal
import subprocess
import sys
from time import monotonic_ns
from typing import Any

import pytest

from lab.load.conftest import Site
from streamserver.lab.client.record import Record
from streamserver.lab.client.request import RequestSpec
from streamserver.lab.load.job import Job, Share, parse
from streamserver.lab.load.processes import (
    CannotRun,
    Coordinator,
    Result,
    read_message,
    write_message,
)
from streamserver.lab.report.progress import Progress
from streamserver.lab.report.summary import Summary
from support.process import ROOT
from support.waiting import wait_until

WORKER = [sys.executable, "-m", "streamserver", "bench", "--worker"]


@pytest.fixture(autouse=True)
def in_root(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers find the project in the working directory."""
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("PYTHONWARNINGS", "error")
    monkeypatch.setenv("PYTHONASYNCIODEBUG", "1")


async def run(site: Site, processes: int, *callbacks: Any, **job: Any) -> Result:
    return await Coordinator(site.job(**job), processes, WORKER, *callbacks).run()


@pytest.mark.parametrize("processes", [1, 2])
async def test_numbers_are_requested_once_by_all_processes(site: Site, processes: int) -> None:
    records: list[Record] = []
    job = {"rate": "100", "count": 20, "sends_records": True}
    result = await run(site, processes, lambda now: None, records.append, **job)
    assert result.problems == []
    assert sorted(site.gated.targets) == sorted(f"/{n}" for n in range(20))
    summary = result.summary
    assert summary.ends == {"complete": 20}
    assert len(records) == 20
    # All use one clock: together they keep to one plan.
    begin = min(one.planned for one in records)
    assert sorted(one.planned - begin for one in records) == [n * 10_000_000 for n in range(20)]
    assert summary.start_late.get_total_count() == 20
    assert summary.histograms["connect"].get_total_count() >= processes
    heads = sorted(one.head - one.planned for one in records)
    assert summary.histograms["head"].get_max_value() == pytest.approx(heads[-1], rel=1e-3)
    assert summary.histograms["head"].get_value_at_percentile(50) == pytest.approx(
        heads[9], rel=1e-3
    )
    assert summary.slowest.records()[0].head - summary.slowest.records()[0].planned == heads[-1]
    assert (summary.began, summary.ended) == (begin, max(one.ended for one in records))
    assert summary.resolving > 0


async def test_the_progress_is_reported_during_the_run(site: Site) -> None:
    seen: list[Progress] = []
    site.gated.gate.clear()

    def on_progress(now: Progress) -> None:
        seen.append(now)
        if now.open == 4:
            site.gated.gate.set()

    result = await run(site, 2, on_progress, concurrency="4", count=4)
    assert result.summary.ends == {"complete": 4}
    # No further exchange begins while the four are open.
    assert any(now.open == 4 and now.seconds > 0.5 and now.draining for now in seen)


async def test_a_stopped_run_reports_the_figures_so_far(site: Site) -> None:
    gated = site.gated
    coordinator = Coordinator(site.job(concurrency="2", duration=60), 2, WORKER)

    async def stop() -> None:
        await wait_until(lambda: len(gated.targets) > 20, timeout=20)
        gated.gate.clear()
        await wait_until(lambda: gated.waiting == 2)
        coordinator.stop()

    stopping = asyncio.create_task(stop())
    result = await coordinator.run()
    await stopping
    gated.gate.set()
    assert result.problems == []
    assert result.summary.ends["stopped"] == 2
    assert result.summary.ends["complete"] == len(gated.targets) - 2
    assert result.summary.errors == 0


async def test_the_death_of_a_process_is_reported_and_ends_the_run(site: Site) -> None:
    seen: list[Progress] = []
    others = _children()  # of other tests

    def on_progress(now: Progress) -> None:
        if not seen and now.summary.ends.total():
            seen.append(now)
            os.kill(min(_children() - others), signal.SIGKILL)

    result = await run(site, 2, on_progress, concurrency="2", duration=60)
    assert len(result.problems) == 1
    assert result.problems[0].endswith("ended early, with status -9, of 2")
    # Its last report counts, and the figures of the other.
    assert result.summary.ends["complete"] >= seen[0].summary.ends["complete"]


def _children() -> set[int]:
    """The pids of this process's children."""
    pid = os.getpid()
    with open(f"/proc/{pid}/task/{pid}/children") as children:
        return {int(child) for child in children.read().split()}


async def test_a_name_that_cannot_be_resolved_is_reported_first() -> None:
    job = Job(RequestSpec("http://name.invalid/"), concurrency=parse("2"))
    with pytest.raises(CannotRun, match="Errno"):
        await Coordinator(job, 2, WORKER).run()


async def test_a_run_that_is_stopped_before_it_began(site: Site) -> None:
    coordinator = Coordinator(site.job(concurrency="2"), 2, WORKER)
    running = asyncio.create_task(coordinator.run())
    await asyncio.sleep(0)
    coordinator.stop()
    with pytest.raises(CannotRun, match="stopped before it began"):
        await running
    assert site.gated.targets == []


async def test_a_process_that_cannot_begin(site: Site) -> None:
    broken = [sys.executable, "-c", "import sys; sys.stdin.buffer.read(9); sys.exit(7)"]
    with pytest.raises(CannotRun, match="process 1 ended early, with status 7"):
        await Coordinator(site.job(concurrency="1"), 1, broken).run()


def test_a_worker_without_a_job_ends() -> None:
    done = subprocess.run(WORKER, input=b"", capture_output=True, timeout=50, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (1, b"", b"")


async def test_a_worker_that_loses_its_parent_ends_its_load(site: Site) -> None:
    worker = await asyncio.create_subprocess_exec(
        *WORKER, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert worker.stdin is not None
    assert worker.stdout is not None
    job = site.job(concurrency="1", duration=60)
    worker.stdin.write(write_message({"job": job, "share": Share()}))
    assert await read_message(worker.stdout) == {"ready": True}
    worker.stdin.write(write_message({"start": monotonic_ns()}))
    await wait_until(lambda: site.gated.targets)
    worker.stdin.close()
    last: dict[str, Any] = {}
    while message := await read_message(worker.stdout):
        last = message
    assert Summary.unpack(last["done"]).ends["complete"] > 0
    assert await worker.wait() == 0
