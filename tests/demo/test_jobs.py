"""Jobs: begun by one request; read, followed and cancelled by others."""

import asyncio
import json
import uuid

import pytest

from streamserver.demo import jobs
from streamserver.demo.app import make_app
from streamserver.server.phase import Outcome
from support.asking import ask
from support.feeds import JOBS, LONG, begin, cancel, post, state, steps, until_ended
from support.following import following
from support.inprocess import Serve, Served

# From the beginning to the end


async def test_a_job_is_accepted_and_followed_to_its_end(server: Served) -> None:
    answer = await post(server, JOBS, {"steps": 3, "interval": 0.01})
    received = json.loads(answer.body)
    job = answer.headers["location"]
    assert answer.status == 202
    assert received == {"id": received["id"], "state": "running", "step": 0, "steps": 3}
    assert job == f"/api/jobs/{uuid.UUID(received['id'])}"
    async with following(server, target=f"{job}/events") as follower:
        await follower.read_end()
        running = [(0, "running"), (1, "running"), (2, "running")]
        assert steps(follower) == [*running, (3, "done")]
        assert json.loads(follower.data[-1]) == received | {"state": "done", "step": 3}
        assert [event.event for event in follower.events] == [None] * 4
    answer = await ask(server, job)
    assert json.loads(answer.body) == received | {"state": "done", "step": 3}
    assert answer.headers["cache-control"] == "no-cache"


async def test_an_interval_of_nothing(server: Served) -> None:
    job = await begin(server, steps=1000, interval=0)
    async with following(server, target=f"{job}/events") as follower:
        await follower.read_end(timeout=20)
        assert steps(follower) == [(n, "running") for n in range(1000)] + [(1000, "done")]


async def test_a_long_step_has_heartbeats(server: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """They distinguish it from a worker that is gone."""
    monkeypatch.setattr("streamserver.demo.job.HEARTBEAT", 0.01)
    job = await begin(server, steps=3, interval=0.05)
    async with following(server, target=f"{job}/events") as follower:
        await follower.read_end()
        received = steps(follower)
        running = [(0, "running")] * 5 + [(1, "running")] * 5 + [(2, "running")] * 5
        assert received == [(0, "running"), *running[1:], (3, "done")]


async def test_its_state_while_it_runs(server: Served) -> None:
    job = await begin(server, **LONG)
    received = await state(server, job)
    assert (received["state"], received["step"], received["steps"]) == ("running", 0, 30)


async def test_the_defaults(server: Served) -> None:
    assert (await state(server, await begin(server)))["steps"] == 20
    nothing = {"steps": None, "interval": None, "fail_at": None}
    assert (await state(server, await begin(server, **nothing)))["steps"] == 20


async def test_progress_arrives_when_it_is_made(server: Served) -> None:
    """Not at the end, which is half an hour away."""
    job = await begin(server, **LONG)
    async with following(server, target=f"{job}/events") as follower:
        await follower.read(1)
        assert steps(follower) == [(0, "running")]


async def test_two_follow_one_job_and_see_the_same(server: Served) -> None:
    job = await begin(server, steps=20, interval=0.005)
    async with (
        following(server, target=f"{job}/events") as one,
        following(server, target=f"{job}/events") as other,
    ):
        await asyncio.gather(one.read_end(), other.read_end())
        assert one.events == other.events
        assert len(one.events) == 21


@pytest.mark.parametrize("how", ["field", "query"])
async def test_progress_is_resumed_without_loss_or_repetition(server: Served, how: str) -> None:
    """After each event, while the job runs."""
    job = await begin(server, steps=12, interval=0.005)
    received: list[tuple[int, str]] = []
    last: str | None = None
    while (12, "done") not in received:
        query = f"?last-event-id={last}" if last and how == "query" else ""
        target = f"{job}/events{query}"
        async with following(server, last if how == "field" else None, target) as follower:
            await follower.read(1)
            received += steps(follower)
            last = follower.id
    assert received == [(n, "running") for n in range(12)] + [(12, "done")]


async def test_a_client_that_returns_after_the_end_gets_a_204(server: Served) -> None:
    job = await begin(server, steps=1, interval=0)
    events = f"{job}/events"
    async with following(server, target=events) as follower:
        await follower.read_end()
        ids = [str(event.id) for event in follower.events]
    by_query = f"{events}?last-event-id={ids[-1]}"
    for answer in (
        await ask(server, events, fields={"Last-Event-ID": ids[-1]}),
        await ask(server, by_query),  # for clients that cannot send the field
    ):
        assert (answer.status, answer.body) == (204, b"")
    async with following(server, ids[0], events) as follower:  # the event that it missed
        await follower.read_end()
        assert [event.id for event in follower.events] == [ids[-1]]
    async with following(server, ids[0], by_query) as follower:  # the field goes before the query
        await follower.read_end()
        assert [event.id for event in follower.events] == [ids[-1]]


# Other ends


async def test_a_job_that_fails(server: Served) -> None:
    job = await begin(server, steps=5, interval=0, fail_at=3)
    async with following(server, target=f"{job}/events") as follower:
        await follower.read_end()
        running = [(0, "running"), (1, "running"), (2, "running")]
        assert steps(follower) == [*running, (2, "failed")]
    received = await state(server, job)
    assert (received["state"], received["step"], received["error"]) == (
        "failed",
        2,
        "step 3 fails on request",
    )
    assert await cancel(server, job) == 409


async def test_a_job_is_cancelled_while_it_runs(server: Served) -> None:
    job = await begin(server, **LONG)
    async with following(server, target=f"{job}/events") as follower:
        await follower.read(1)
        answer = await ask(server, job, "DELETE")
        assert (answer.status, answer.headers["location"]) == (202, job)
        await follower.read_end()
        assert steps(follower) == [(0, "running"), (0, "cancelled")]
    assert (await state(server, job))["state"] == "cancelled"


async def test_what_has_ended_cannot_be_cancelled(server: Served) -> None:
    job = await begin(server, steps=1, interval=0)
    assert (await until_ended(server, job))["state"] == "done"
    answer = await ask(server, job, "DELETE")
    assert answer.status == 409
    assert json.loads(answer.body)["detail"] == "the job has ended: done"
    assert (await state(server, job))["state"] == "done"


async def test_other_jobs_are_not_cancelled(server: Served) -> None:
    one, other = await begin(server, **LONG), await begin(server, **LONG)
    assert await cancel(server, one) == 202
    assert (await until_ended(server, one))["state"] == "cancelled"
    assert (await state(server, other))["state"] == "running"


async def test_a_client_that_leaves_stops_no_job(server: Served) -> None:
    job = await begin(server, steps=10, interval=0.005)
    async with following(server, target=f"{job}/events") as follower:
        await follower.read(1)
    assert (await until_ended(server, job))["state"] == "done"


async def test_the_server_stops_while_jobs_run(server: Served) -> None:
    """Their followers' streams end properly; `serve` checks that nothing is left open.

    The job's own end comes after that of the streams, in time for readers of other workers.
    """
    job = await begin(server, **LONG)
    async with following(server, target=f"{job}/events") as follower:
        await follower.read(1)
        await asyncio.gather(server.stop(), follower.read_end())
        assert 1000 <= (follower.parser.retry or 0) <= 5000
    assert [one.outcome for one in server.ended if one.target == f"{job}/events"] == [
        Outcome.DRAINED
    ]


# What is kept


async def test_a_job_is_forgotten_some_time_after_its_end(
    server: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = await begin(server, **LONG)
    monkeypatch.setattr(jobs, "KEPT", 0.05)
    brief = await begin(server, steps=1, interval=0)
    async with asyncio.timeout(5):
        while (await ask(server, brief)).status != 404:
            await asyncio.sleep(0.005)
    assert (await ask(server, f"{brief}/events")).status == 404
    assert await cancel(server, brief) == 404
    assert (await state(server, running))["state"] == "running"


async def test_of_those_that_have_ended_the_oldest_go_first(
    server: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "MAX_JOBS", 2)
    ended = []
    for _ in range(3):
        ended.append(await begin(server, steps=1, interval=0))
        await wait_until_ended(server, ended[-1])
    assert [(await ask(server, job)).status for job in ended] == [404, 200, 200]


async def wait_until_ended(server: Served, job: str) -> None:
    """Poll its state: a subscriber would keep its events."""
    async with asyncio.timeout(5):
        while (await state(server, job))["state"] == "running":
            await asyncio.sleep(0.001)


async def test_each_app_has_jobs_of_its_own(serve: Serve) -> None:
    one, other = await serve(make_app()), await serve(make_app())
    job = await begin(one, **LONG)
    assert (await ask(other, job)).status == 404
    assert await cancel(one, job) == 202
    await one.stop()  # before `serve` checks the other for leaks
