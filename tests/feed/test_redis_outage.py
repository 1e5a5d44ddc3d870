"""Redis killed, frozen, emptied, and back: publishers get errors, readers lose no event."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from streamserver.feed import feed as feeds
from streamserver.feed.feed import Feed
from streamserver.kit.request import Request
from streamserver.kit.response import Response
from streamserver.wire.problem import HTTPError
from support.answers import detail, statuses
from support.following import Follower, app, following
from support.inprocess import Serve, Served
from support.rawsocket import raw
from support.redis import MakeRedis, RedisServer, redis_server
from support.requests import post
from support.waiting import wait_until

BEAT = b":\n\n"
OUT_OF_REACH = "the feed's store is out of reach: the event was not added, try again"
TIMEOUT = 0.3
WELL_WITHIN = 4.0
"""Seconds that a busy machine may make of it, and less than the usual timeout."""


@pytest.fixture
def feed(own_redis: RedisServer, make_redis: MakeRedis) -> Feed:
    return Feed("news", make_redis(own_redis), heartbeat=0.04)


@pytest.fixture
def hasty(own_redis: RedisServer, make_redis: MakeRedis) -> Feed:
    """The same feed for those who do not wait for long."""
    return Feed("news", make_redis(own_redis, timeout=TIMEOUT), heartbeat=0.04)


@pytest.fixture
async def server(serve: Serve, feed: Feed, hasty: Feed) -> Served:
    """The feed, and below /hasty the other; to which a POST publishes the body."""
    follow, follow_hasty = app(feed), app(hasty)

    async def handler(request: Request) -> Response:
        if request.method == "POST":
            id = await hasty.publish((await request.body()).decode())
            return Response.json({"id": id}, status=201)
        return await (follow_hasty if request.path == "/hasty" else follow)(request)

    return await serve(handler)


async def beats(reader: Follower, count: int) -> None:
    """Read until so many more heartbeats have come."""
    least = reader.chunks.count(BEAT) + count
    await reader.read_until(lambda reader: reader.chunks.count(BEAT) >= least)


async def refused(server: Served) -> None:
    """Publishing fails within the time, and says why and when to try again."""
    asked = post(b"lost?", fields=[b"Connection: close"])
    async with asyncio.timeout(WELL_WITHIN):
        received = await raw(server.port, asked)
    assert statuses(received) == [503]
    assert detail(received) == OUT_OF_REACH
    assert b"\r\nretry-after: 1\r\n" in received.lower()


@contextlib.asynccontextmanager
async def readers(server: Served, feed: Feed) -> AsyncIterator[list[Follower]]:
    """Two that are live, and have had one event."""
    async with following(server) as one, following(server, target="/all") as two:
        await one.position()
        await two.position()
        await feed.publish("before")
        for reader in (one, two):
            await reader.read(1)
        yield [one, two]


async def test_killed_and_back_again(own_redis: RedisServer, feed: Feed, server: Served) -> None:
    """Readers that were connected, that connect meanwhile, and that return: each gets all, once."""
    async with readers(server, feed) as there:
        await asyncio.to_thread(own_redis.kill)
        await refused(server)
        with pytest.raises(HTTPError):
            await feed.newest()
        for reader in there:
            await beats(reader, 2)
        async with (
            following(server, target="/all") as new,
            following(server, there[0].id) as back,
        ):
            await beats(new, 2)
            await asyncio.to_thread(own_redis.start)
            ids = [await feed.publish(f"after {n}") for n in range(3)]
            expected = ["before", "after 0", "after 1", "after 2"]
            for reader in (*there, new):
                await reader.read(4)
                assert reader.data == expected
            await back.read(3)
            assert back.data == expected[1:]
    assert ids == [event.id for event in back.events]


async def test_what_others_published_before_it_was_reached_again(
    own_redis: RedisServer, make_redis: MakeRedis, feed: Feed, server: Served
) -> None:
    """All processes read it when they have reconnected."""
    async with readers(server, feed) as there:
        await asyncio.to_thread(own_redis.kill)
        await refused(server)
        await asyncio.to_thread(own_redis.start)
        other = Feed("news", make_redis(own_redis))
        for n in range(5):
            await other.publish(n)
        for reader in there:
            await reader.read(6)
            assert reader.data == ["before", *map(str, range(5))]


async def test_several_times(own_redis: RedisServer, feed: Feed, server: Served) -> None:
    """During publishing; each event that was accepted arrives once, in order."""
    async with readers(server, feed) as there:
        taken = ["before"]
        for n in range(3):
            await asyncio.to_thread(own_redis.kill)
            with pytest.raises(HTTPError):
                await feed.publish(f"lost {n}")
            await asyncio.to_thread(own_redis.start)
            for m in range(3):
                await feed.publish(f"{n} {m}")
                taken.append(f"{n} {m}")
        for reader in there:
            await reader.read(len(taken))
            assert reader.data == taken


async def test_frozen(own_redis: RedisServer, feed: Feed, server: Served) -> None:
    """It does not answer, but its connections stay open: publishing fails within the timeout.

    Commands without an answer may be executed when it resumes.
    """
    async with readers(server, feed) as there:
        own_redis.freeze()
        await refused(server)
        await refused(server)
        for reader in there:
            await beats(reader, 2)
        own_redis.resume()
        await feed.publish("after")
        for reader in there:
            await reader.read_until(lambda reader: "after" in reader.data)
            assert [expected for expected in reader.data if expected != "lost?"] == [
                "before",
                "after",
            ]
        assert there[0].data == there[1].data


async def test_frozen_while_many_publish(own_redis: RedisServer, feed: Feed, hasty: Feed) -> None:
    """More than there are connections: those that wait for one fail in time too."""
    own_redis.freeze()
    async with asyncio.timeout(WELL_WITHIN):
        failed = await asyncio.gather(
            *(hasty.publish(n) for n in range(200)), return_exceptions=True
        )
    assert {(type(each), str(each)[:3]) for each in failed} == {(HTTPError, "503")}
    own_redis.resume()
    await feed.publish("after")


async def test_many_at_once_are_all_taken(feed: Feed) -> None:
    """More than there are connections: they wait for one."""
    ids = await asyncio.gather(*(feed.publish(n) for n in range(500)))
    assert len(set(ids)) == 500


async def test_frozen_while_a_reader_is_far_behind(
    own_redis: RedisServer, feed: Feed, server: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The fetch is repeated until it succeeds."""
    monkeypatch.setattr("streamserver.feed.redis_backfill.RETRY", 0.05)
    monkeypatch.setattr("streamserver.feed.redis.LOADED", 30)
    ids = [await feed.publish(n) for n in range(100)]
    async with following(server, target="/hasty") as steady:
        await steady.position()
        own_redis.freeze()
        async with following(server, ids[0], "/hasty") as behind:
            await beats(behind, 10)
            assert behind.events == []
            own_redis.resume()
            await behind.read(99)
            assert [event.id for event in behind.events] == ids[1:]


@pytest.mark.parametrize("target", ["/", "/all"])
async def test_killed_while_a_reader_is_far_behind(
    own_redis: RedisServer, feed: Feed, server: Served, target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The fetch is repeated, but with pauses."""
    monkeypatch.setattr("streamserver.feed.redis_backfill.RETRY", 0.1)
    monkeypatch.setattr("streamserver.feed.redis.LOADED", 3)
    ids = [await feed.publish(n) for n in range(40)]
    async with following(server) as steady:
        await steady.position()
        await asyncio.to_thread(own_redis.kill)
        asked = list[int]()

        def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            asked.append(1)
            writer.transport.abort()

        position = ids[0] if target == "/" else None
        async with following(server, position, target) as behind:
            in_its_place = await asyncio.start_server(answer, "127.0.0.1", own_redis.port)
            await beats(behind, 15)
            in_its_place.close()
            await asyncio.to_thread(own_redis.start)
            await behind.read_until(lambda reader: reader.id == ids[-1])
            assert [event.id for event in behind.events] == ids[position is not None :]
    assert 1 <= len(asked) <= 40


async def test_a_watch_that_cannot_begin(
    own_redis: RedisServer, feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeds, "TIMEOUT", TIMEOUT)
    await asyncio.to_thread(own_redis.kill)
    with pytest.raises(HTTPError) as raised:
        async with feed.watch():
            pass
    assert raised.value.status == 503
    assert not feed._topic.subscribers


async def test_back_without_what_it_had(
    serve: Serve,
    make_redis: MakeRedis,
    tmp_path_factory: pytest.TempPathFactory,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Readers get a gap and continue."""
    caplog.set_level("ERROR")
    with redis_server(tmp_path_factory.mktemp("forgetful")) as forgetful:
        redis = make_redis(forgetful)
        feed = Feed("news", redis)
        server = await serve(app(feed))
        async with readers(server, feed) as there:
            await asyncio.to_thread(forgetful.kill)
            await wait_until(lambda: "lost the connection to Redis" in caplog.text)
            await asyncio.to_thread(forgetful.start)
            ids = [await feed.publish("after"), await feed.publish("and on")]
            for reader in there:
                await reader.read(4)
                assert reader.data[2:] == ["after", "and on"]
                assert reader.gaps == [{"after": reader.events[0].id, "first": ids[0]}]
        await redis.close()


async def test_an_outage_is_logged_once_and_so_is_its_end(
    own_redis: RedisServer, feed: Feed, server: Served, caplog: pytest.LogCaptureFixture
) -> None:
    async with readers(server, feed) as there:
        await asyncio.to_thread(own_redis.kill)
        await beats(there[0], 5)
        assert caplog.text.count("lost the connection to Redis") == 1
        assert "reconnected to Redis" not in caplog.text
        await asyncio.to_thread(own_redis.start)
        await feed.publish("after")
        await there[0].read(2)
        await wait_until(lambda: "reconnected to Redis" in caplog.text)
    assert caplog.text.count("lost the connection to Redis") == 1


async def test_a_server_that_stops_while_it_is_gone(
    own_redis: RedisServer, feed: Feed, server: Served
) -> None:
    async with readers(server, feed) as there:
        await asyncio.to_thread(own_redis.kill)
        stopping = asyncio.create_task(server.stop(grace=5))
        for reader in there:
            await reader.read_end()
        await stopping
    assert not feed._topic.subscribers
