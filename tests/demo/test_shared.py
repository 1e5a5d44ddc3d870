"""The demo's feeds in Redis: every worker gives the same answers."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator

import pytest

from streamserver.demo import jobs, wiretap
from streamserver.demo.app import make_app
from streamserver.feed.redis import Redis
from streamserver.server.phase import Outcome
from support.asking import ask
from support.chatting import FAST, prompting, spoken
from support.feeds import (
    JOBS,
    LONG,
    NOTIFICATIONS,
    begin,
    cancel,
    cut,
    named,
    notify,
    outcomes,
    post,
    read_cut,
    state,
    steps,
    texts,
)
from support.following import following
from support.inprocess import Serve, Served
from support.model import PROMPT, TEXT, TOKENS
from support.rawsocket import connect
from support.redis import RedisServer
from support.relaying import LAST_CHUNK
from support.requests import get
from support.resuming import events_of, last_id, location_of

FEED = NOTIFICATIONS


@pytest.fixture
async def workers(serve: Serve, shared_redis: RedisServer) -> AsyncIterator[tuple[Served, Served]]:
    """Two servers with one store; what they keep open is closed before `serve` looks for leaks."""
    prefix = f"{uuid.uuid4()}:"
    apps = [make_app(backend=Redis(shared_redis.url, prefix=prefix)) for _ in range(2)]
    one, other = [await serve(app) for app in apps]
    yield one, other
    await one.stop()
    await other.stop()


Workers = tuple[Served, Served]

# Notifications


async def test_what_any_publishes_reaches_the_readers_of_all(workers: Workers) -> None:
    one, other = workers
    async with following(one, target=FEED) as here, following(other, target=FEED) as there:
        await here.position()
        await there.position()
        ids = [await notify(workers[n % 2], str(n)) for n in range(10)]
        for follower in (here, there):
            assert [event.id for event in await follower.read(10)] == ids
            assert texts(follower) == [str(n) for n in range(10)]


async def test_a_client_moves_from_one_to_the_other(workers: Workers) -> None:
    """Back and forth, after each event; one is published while it is away."""
    one, other = workers
    received: list[str] = []
    async with following(one, target=FEED) as follower:
        last = await follower.position()
    for n in range(0, 10, 2):
        await notify(one, str(n))
        async with following(workers[n // 2 % 2], last, FEED) as follower:
            await follower.read(1)
            await notify(other, str(n + 1))
            await follower.read(2)
            received += texts(follower)
            last = str(follower.id)
    assert received == [str(n) for n in range(10)]


async def test_a_client_is_cut_through_the_other(workers: Workers) -> None:
    one, other = workers
    async with following(one, target=named("me")) as before:
        last = await before.position()
        await cut(other, "me")
        await read_cut(before)
    assert outcomes(one, named("me")) == [Outcome.TRUNCATED]
    await notify(one, "missed")
    async with following(other, last, named("me")) as after:
        await after.read(1)
        assert texts(after) == ["missed"]
        await cut(one, "me")  # from where it has gone: it is at the other now
        await read_cut(after)


# Jobs


async def test_a_job_is_seen_and_followed_through_the_other(workers: Workers) -> None:
    one, other = workers
    job = await begin(one, steps=10, interval=0.01)
    async with (
        following(one, target=f"{job}/events") as here,
        following(other, target=f"{job}/events") as there,
    ):
        assert (await state(other, job))["steps"] == 10
        await asyncio.gather(here.read_end(), there.read_end())
        assert here.events == there.events
        assert steps(here) == [(n, "running") for n in range(10)] + [(10, "done")]
        last = here.id
    for server in workers:
        assert (await state(server, job))["state"] == "done"
        assert await cancel(server, job) == 409
        answer = await ask(server, f"{job}/events", fields={"Last-Event-ID": str(last)})
        assert answer.status == 204


async def test_progress_is_resumed_at_the_other(workers: Workers) -> None:
    job = await begin(workers[0], steps=10, interval=0.005)
    received: list[tuple[int, str]] = []
    last: str | None = None
    turn = 0
    while (10, "done") not in received:
        async with following(workers[turn % 2], last, f"{job}/events") as follower:
            await follower.read(1)
            received += steps(follower)
            last = follower.id
        turn += 1
    assert received == [(n, "running") for n in range(10)] + [(10, "done")]


async def test_a_job_is_cancelled_through_the_other(workers: Workers) -> None:
    one, other = workers
    job, kept = await begin(one, **LONG), await begin(one, **LONG)
    async with following(other, target=f"{job}/events") as follower:
        await follower.read(1)
        assert await cancel(other, job) == 202
        await follower.read_end()
        assert steps(follower) == [(0, "running"), (0, "cancelled")]
    assert (await state(one, job))["state"] == "cancelled"
    assert (await state(one, kept))["state"] == "running"


async def test_jobs_that_are_begun_at_once_keep_to_the_bound(
    workers: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also while the store is slow."""
    monkeypatch.setattr(jobs, "MAX_JOBS", 2)
    answers = await asyncio.gather(*(post(workers[0], JOBS, LONG) for _ in range(5)))
    assert sorted(answer.status for answer in answers) == [202] * 2 + [503] * 3
    await begin(workers[1], **LONG)  # each worker has a bound of its own


async def test_the_jobs_of_a_worker_that_stops_are_cancelled(
    workers: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a wait for the timeout of their end."""
    monkeypatch.setattr(jobs, "STOP_TIMEOUT", 60)
    one, other = workers
    job = await begin(one, **LONG)
    async with following(other, target=f"{job}/events") as follower:
        await follower.read(1)
        await one.stop()
        await follower.read_end()
        assert steps(follower) == [(0, "running"), (0, "cancelled")]
    assert (await state(other, job))["state"] == "cancelled"


# The chat


async def test_an_answer_is_continued_at_the_other(workers: Workers) -> None:
    """The reader leaves in the middle, and gets the rest of the text."""
    one, other = workers
    async with connect(one.port) as client:
        await client.send(prompting(PROMPT, model=FAST))
        await client.read_until(lambda received: len(events_of(received)) > len(TOKENS) // 2)
        before = client.received
        client.reset()
    async with connect(other.port) as client:
        after = b"Last-Event-ID: " + last_id(before).encode()
        await client.send(get(location_of(before).encode(), after))
        behind = await client.read_until(LAST_CHUNK, timeout=20.0)
    whole = events_of(before) + events_of(behind)
    assert spoken(b"".join([f"data: {event.data}\n".encode() for event in whole])) == TEXT
    assert len({event.id for event in whole}) == len(whole)
    assert whole[-1].data == "[DONE]"


# Recordings


async def test_a_recording_is_put_together_from_all_workers(workers: Workers) -> None:
    """As after a cut, when the client reconnects to another worker."""
    token = uuid.uuid4().hex
    target = f"/api/counter?count=1&wire={token}"
    for server in (workers[0], workers[1], workers[0]):
        await ask(server, target)
    for server in workers:
        received = json.loads((await ask(server, f"/api/wire/{token}")).body)
        times = [exchange["at"] for exchange in received["exchanges"]]
        assert len(times) == 3
        assert times == sorted(times)
        assert [exchange["outcome"] for exchange in received["exchanges"]] == ["complete"] * 3


async def test_a_recording_of_no_worker(workers: Workers, monkeypatch: pytest.MonkeyPatch) -> None:
    """A few tokens are asked for at a time, each once."""
    monkeypatch.setattr(wiretap, "FIRST_TIMEOUT", 0.5)
    monkeypatch.setattr(wiretap, "MAX_QUESTIONS", 2)
    tokens = [uuid.uuid4().hex for _ in range(2)]
    asked = [f"/api/wire/{token}" for token in (*tokens, *tokens, uuid.uuid4().hex)]
    answers = await asyncio.gather(*(ask(workers[0], target) for target in asked))
    assert [answer.status for answer in answers] == [404] * 4 + [503]
    assert answers[-1].headers["retry-after"] == "1"
    assert (await ask(workers[0], asked[-1])).status == 404  # there is room again


async def test_a_local_recording_is_served_though_the_others_cannot_be_asked(
    workers: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wiretap, "MAX_QUESTIONS", 0)
    token = uuid.uuid4().hex
    await ask(workers[0], f"/api/counter?count=1&wire={token}")
    assert (await ask(workers[0], f"/api/wire/{token}")).status == 200
    assert (await ask(workers[0], f"/api/wire/{uuid.uuid4().hex}")).status == 503
