"""A closed loop: a number of concurrent exchanges, never more."""

import asyncio
from time import monotonic_ns

import pytest

from lab.load.conftest import MS, Site, begin
from streamserver.lab.client.request import RequestSpec
from streamserver.lab.load import run as run_module
from streamserver.lab.load.job import Job, parse
from streamserver.lab.load.run import Run
from support.nginx import reserved_port
from support.waiting import wait_until


async def test_concurrency_and_count(site: Site) -> None:
    gated = site.gated
    gated.gate.clear()
    run = Run(site.job(concurrency="4", count=10))
    going = begin(run)
    await wait_until(lambda: gated.waiting == 4)
    assert run.open == 4
    gated.gate.set()
    await going
    assert gated.most == 4
    assert sorted(gated.targets) == sorted(f"/{n}" for n in range(10))
    assert run.summary.ends == {"complete": 10}
    assert (run.open, run.task_count) == (0, 0)
    # Without a plan no exchange is late.
    assert run.summary.start_late.get_total_count() == 0


async def test_a_step_up_begins_when_it_is_due(site: Site) -> None:
    gated = site.gated
    gated.gate.clear()
    run = Run(site.job(concurrency="1@0.15,3@5"))
    going = begin(run)
    await wait_until(lambda: gated.waiting == 3)
    assert monotonic_ns() - run.start >= 150 * MS
    run.stop()
    gated.gate.set()
    await going
    assert gated.most == 3


async def test_a_step_down_cuts_no_exchange(site: Site) -> None:
    gated = site.gated
    gated.gate.clear()
    run = Run(site.job(concurrency="3@0.5,1@5"))
    going = begin(run)
    await wait_until(lambda: gated.waiting == 3)
    await wait_until(lambda: monotonic_ns() - run.start > 500 * MS)
    before = len(gated.targets)
    gated.gate.set()
    await wait_until(lambda: len(gated.targets) > before + 5)
    assert run.task_count == 1
    run.stop()
    await going


async def test_it_ends_with_its_duration(site: Site) -> None:
    gated = site.gated
    gated.gate.clear()
    run = Run(site.job(concurrency="2", duration=0.5))
    going = begin(run)
    await wait_until(lambda: gated.waiting == 2)
    await wait_until(lambda: monotonic_ns() - run.start > 500 * MS)
    gated.gate.set()
    await going
    assert run.summary.ends == {"complete": 2}


async def test_a_failed_connection_is_followed_by_a_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_module, "PAUSE", 60.0)
    with reserved_port() as port:
        job = Job(RequestSpec(f"http://127.0.0.1:{port}/"), concurrency=parse("2"), count=5)
        run = Run(job)
        going = asyncio.create_task(run.execute(monotonic_ns()))
        await wait_until(lambda: run.summary.ends["unconnected"] == 2)
        run.stop()
        await going
    assert run.summary.ends == {"unconnected": 2}
