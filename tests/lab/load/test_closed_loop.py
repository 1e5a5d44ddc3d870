"""A closed loop: so many at once, never more."""

import asyncio
from time import monotonic_ns

import pytest

from lab.load.conftest import MS, Site, begin
from streamserver.lab.client.client import Ask
from streamserver.lab.load import closed
from streamserver.lab.load.job import Job
from streamserver.lab.load.profile import parse
from streamserver.lab.load.run import Run
from support.nginx import reserved_port
from support.waiting import wait_until


async def test_so_many_at_once_and_so_many_in_all(site: Site) -> None:
    held = site.held
    held.gate.clear()
    run = Run(site.job(concurrency="4", count=10))
    going = begin(run)
    await wait_until(lambda: held.waiting == 4)
    assert run.open == 4
    held.gate.set()
    await going
    assert held.most == 4
    assert sorted(held.targets) == sorted(f"/{n}" for n in range(10))
    assert run.summary.ends == {"complete": 10}
    assert (run.open, run.busy) == (0, 0)
    # Nobody planned when they were to begin.
    assert run.summary.start_late.get_total_count() == 0


async def test_a_step_up_is_taken_when_it_is_due(site: Site) -> None:
    held = site.held
    held.gate.clear()
    run = Run(site.job(concurrency="1@0.15,3@5"))
    going = begin(run)
    await wait_until(lambda: held.waiting == 3)
    assert monotonic_ns() - run.start >= 150 * MS
    run.stop()
    held.gate.set()
    await going
    assert held.most == 3


async def test_a_step_down_lets_the_others_end(site: Site) -> None:
    held = site.held
    held.gate.clear()
    run = Run(site.job(concurrency="3@0.5,1@5"))
    going = begin(run)
    await wait_until(lambda: held.waiting == 3)
    await wait_until(lambda: monotonic_ns() - run.start > 500 * MS)
    before = len(held.targets)
    held.gate.set()
    await wait_until(lambda: len(held.targets) > before + 5)
    assert run.busy == 1
    run.stop()
    await going


async def test_it_ends_with_its_time(site: Site) -> None:
    held = site.held
    held.gate.clear()
    run = Run(site.job(concurrency="2", duration=0.5))
    going = begin(run)
    await wait_until(lambda: held.waiting == 2)
    await wait_until(lambda: monotonic_ns() - run.start > 500 * MS)
    held.gate.set()
    await going
    assert run.summary.ends == {"complete": 2}


async def test_who_cannot_connect_does_not_spin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(closed, "PAUSE", 60.0)
    with reserved_port() as port:
        job = Job(Ask(f"http://127.0.0.1:{port}/"), concurrency=parse("2"), count=5)
        run = Run(job)
        going = asyncio.create_task(run.go(monotonic_ns()))
        await wait_until(lambda: run.summary.ends["unconnected"] == 2)
        run.stop()
        await going
    assert run.summary.ends == {"unconnected": 2}
