"""An outage of the Redis of the feeds: what fails, what continues, what is sent afterwards."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest

from streamserver.demo import jobs
from streamserver.demo.app import make_app
from streamserver.feed import feed
from streamserver.feed.redis import Redis
from support.asking import Answered, ask
from support.feeds import (
    CUT,
    JOBS,
    LONG,
    NOTIFICATIONS,
    begin,
    cut,
    heartbeats,
    named,
    notify,
    post,
    read_cut,
    state,
    steps,
    texts,
)
from support.following import following
from support.inprocess import Serve, Served
from support.redis import RedisServer

FEED = NOTIFICATIONS


@pytest.fixture
async def server(serve: Serve, own_redis: RedisServer) -> AsyncIterator[Served]:
    """The demo, whose streams are never silent for long."""
    server = await serve(make_app(backend=Redis(own_redis.url)), heartbeat=0.02)
    yield server
    await server.stop()  # before `serve` looks for leaks


def check_unreachable(answer: Answered) -> None:
    received = json.loads(answer.body)
    assert answer.status == 503
    assert received["detail"].startswith("the feed's store is out of reach: ")
    assert received["detail"].endswith("try again")
    assert answer.headers["retry-after"] == "1"


async def until_published(server: Served, text: str) -> None:
    """Publish it as soon as the store is back."""
    async with asyncio.timeout(10):
        while (await post(server, FEED, {"text": text})).status == 503:
            await asyncio.sleep(0.01)


async def test_publishing_fails_and_readers_stay(server: Served, own_redis: RedisServer) -> None:
    async with following(server, target=named("me")) as follower:
        await follower.position()
        await notify(server, "before")
        await follower.read(1)
        await asyncio.to_thread(own_redis.kill)
        check_unreachable(await post(server, FEED, {"text": "lost"}))
        check_unreachable(await post(server, CUT, {"client": "another"}))
        await heartbeats(follower, 3)
        await asyncio.to_thread(own_redis.start)
        await until_published(server, "after")
        await follower.read(2, timeout=10)
        assert texts(follower) == ["before", "after"]
        assert [event.event for event in follower.events] == [None, None]  # no gap
        await cut(server, "me")
        await read_cut(follower)


async def test_a_notification_that_is_sent_again_is_published_once(
    serve: Serve, own_redis: RedisServer
) -> None:
    """With its Idempotency-Key, at either of two workers, one of which received no answer."""
    here, there = [
        await serve(make_app(backend=Redis(own_redis.url, timeout=0.3))) for _ in range(2)
    ]
    body, fields = json.dumps({"text": "once"}).encode(), {"Idempotency-Key": '"8e03978e"'}
    await notify(here, "before")
    own_redis.freeze()
    unknown = await ask(here, FEED, "POST", fields, body)
    own_redis.resume()
    assert (unknown.status, json.loads(unknown.body)["added"]) == (503, "unknown")
    answers = [await ask(server, FEED, "POST", fields, body) for server in (there, here, there)]
    assert {answer.status for answer in answers} == {201}
    assert len({answer.body for answer in answers}) == 1
    other = await ask(here, FEED, "POST", fields, json.dumps({"text": "another"}).encode())
    assert other.status == 422
    async with following(here, target=f"{FEED}?start=beginning") as follower:
        await follower.position()
        await notify(there, "last")
        await follower.read_until(lambda follower: "last" in texts(follower))
        assert texts(follower) == ["before", "once", "last"]
    for server in (here, there):
        await server.stop()


async def test_a_reader_that_comes_while_it_is_gone(server: Served, own_redis: RedisServer) -> None:
    async with following(server, target=FEED) as before:
        await before.position()
        await notify(server, "received")
        await before.read(1)
        last = str(before.id)
    await notify(server, "missed")
    await asyncio.to_thread(own_redis.kill)
    async with following(server, last, named("me")) as follower:
        await heartbeats(follower, 3)
        await asyncio.to_thread(own_redis.start)
        await follower.read(1, timeout=10)
        await until_published(server, "after")
        await follower.read(2)
        assert texts(follower) == ["missed", "after"]


async def test_a_client_that_came_meanwhile_can_be_cut_by_another_worker(
    server: Served, serve: Serve, own_redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "TIMEOUT", 0.02)
    await asyncio.to_thread(own_redis.kill)
    async with following(server, target=named("me")) as follower:
        await heartbeats(follower, 5)  # several times its patience
        await asyncio.to_thread(own_redis.start)
        await follower.position()
        other = await serve(make_app(backend=Redis(own_redis.url)))
        ended = asyncio.create_task(read_cut(follower))
        while not ended.done():
            await cut(other, "me")
            await asyncio.sleep(0.01)
        await ended
        await other.stop()


async def test_no_job_begins_and_none_is_found(
    server: Served, own_redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "MAX_JOBS", 2)
    job = await begin(server, **LONG)
    await asyncio.to_thread(own_redis.kill)
    check_unreachable(await post(server, JOBS, LONG))
    for method, target in (("GET", job), ("GET", f"{job}/events"), ("DELETE", job)):
        check_unreachable(await ask(server, target, method))
    await asyncio.to_thread(own_redis.start)
    assert (await state(server, job))["state"] == "running"
    await begin(server, **LONG)  # what could not begin takes no place


async def test_a_job_publishes_its_end_after_the_outage(
    server: Served, own_redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not the steps in between, since the last state includes them."""
    monkeypatch.setattr("streamserver.demo.job.RETRY", 0.02)
    job = await begin(server, steps=10, interval=0.01)
    async with following(server, target=f"{job}/events") as follower:
        await follower.read(1)
        await asyncio.to_thread(own_redis.kill)
        await heartbeats(follower, 10)  # longer than the job takes
        await asyncio.to_thread(own_redis.start)
        await follower.read_end(timeout=10)
        received = steps(follower)
        assert received[0] == (0, "running")
        assert received[-1] == (10, "done")
        assert received == sorted(set(received))
    assert (await state(server, job))["state"] == "done"


@pytest.mark.parametrize("how", ["gone", "frozen"])
async def test_the_server_stops_though_its_jobs_cannot_publish_their_end(
    server: Served, own_redis: RedisServer, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    monkeypatch.setattr(jobs, "STOP_TIMEOUT", 0.05)
    job = await begin(server, **LONG)
    async with following(server, target=f"{job}/events") as follower:
        await follower.read(1)
        if how == "gone":
            await asyncio.to_thread(own_redis.kill)
        else:
            own_redis.freeze()
        async with asyncio.timeout(5):
            await asyncio.gather(server.stop(), follower.read_end())


async def test_the_server_stops_though_it_could_not_begin_to_receive_commands(
    server: Served, own_redis: RedisServer
) -> None:
    await asyncio.to_thread(own_redis.kill)
    async with following(server, target=named("me")) as follower:
        await heartbeats(follower, 1)
        async with asyncio.timeout(5):
            await asyncio.gather(server.stop(), follower.read_end())
