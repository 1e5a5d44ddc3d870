"""Idempotency keys: a publish that is repeated with its key adds nothing, wherever that happens."""

import asyncio

import pytest

from streamserver.feed import memory, redis_publish
from streamserver.feed.feed import Feed
from streamserver.feed.idempotency import TTL
from streamserver.feed.memory import Memory
from streamserver.wire.problem import HTTPError
from support.following import MakeFeed, app, following
from support.inprocess import Serve
from support.redis import MakeRedis, RedisServer
from support.waiting import wait_until

KEY = "8e03978e-40d5"
TIMEOUT = 0.3


async def test_a_repetition_adds_nothing(serve: Serve, make_feed: MakeFeed) -> None:
    feed = make_feed()
    server = await serve(app(feed))
    first = await feed.publish("once", key=KEY)
    await feed.publish("between")
    again = await make_feed().publish("once", key=KEY)
    other = await feed.publish("once", key="another")
    assert again == first
    async with following(server, target="/all") as reader:
        await reader.read_until(lambda reader: reader.id == other)
        assert reader.data == ["once", "between", "once"]


async def test_many_at_the_same_time(serve: Serve, make_feed: MakeFeed) -> None:
    feeds = [make_feed() for _ in range(10)]
    ids = await asyncio.gather(*(feed.publish("once", key=KEY) for feed in feeds * 5))
    newest = await feeds[0].newest()
    assert newest is not None
    assert {*ids} == {newest.id}


async def test_each_topic_has_its_own_keys(make_feed: MakeFeed) -> None:
    one, other = make_feed("one"), make_feed("other")
    await one.publish("once", key=KEY)
    await other.publish("twice", key=KEY)
    newest = await other.newest()
    assert newest is not None
    assert newest.data == "twice"


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"event": "a"}, {"event": "b"}),
        ({"event": "a"}, {"event": "a", "last": True}),
        ({"event": "a", "fingerprint": b"a"}, {"event": "a", "fingerprint": b"b"}),
        ({"event": "a", "fingerprint": b"a"}, {"event": "a"}),
    ],
)
async def test_a_key_is_for_one_event(
    make_feed: MakeFeed, first: dict[str, object], second: dict[str, object]
) -> None:
    feed = make_feed()
    id = await feed.publish(key=KEY, **first)  # type: ignore[arg-type]  # by name
    with pytest.raises(HTTPError, match="idempotency key was used for something else") as raised:
        await feed.publish(key=KEY, **second)  # type: ignore[arg-type]  # by name
    assert raised.value.status == 422
    newest = await feed.newest()
    assert newest is not None
    assert newest.id == id


async def test_a_fingerprint_stands_for_the_event(make_feed: MakeFeed) -> None:
    feed = make_feed()
    first = await feed.publish("at 12:00", key=KEY, fingerprint=b"at")
    assert await feed.publish("at 12:01", key=KEY, fingerprint=b"at") == first


async def test_a_key_is_not_empty(make_feed: MakeFeed) -> None:
    with pytest.raises(ValueError, match="an idempotency key has one character or more"):
        await make_feed().publish("x", key="")


# Memory is bounded


async def test_the_oldest_keys_are_forgotten(
    make_feed: MakeFeed, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (memory, redis_publish):
        monkeypatch.setattr(module, "KEYS", 3)
    feed = make_feed()
    ids = [await feed.publish(n, key=f"key {n}") for n in range(5)]
    assert [await feed.publish(n, key=f"key {n}") for n in (2, 3, 4)] == ids[2:]
    assert await feed.publish(1, key="key 1") != ids[1]
    assert await feed.publish(4, key="key 4") == ids[4]


async def test_redis_holds_so_many_keys_and_not_for_ever(
    make_redis: MakeRedis, shared_redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_publish, "KEYS", 3)
    redis = make_redis(shared_redis, prefix="bounded:")
    for topic, ttl, seconds in (("kept", 0.0, TTL), ("brief", 60.0, 60.0)):
        feed = Feed(topic, redis, ttl=ttl)
        for n in range(10):
            await feed.publish("x" * 1000, key=f"{n}" * 1000)
        keys = f"bounded:idempotency-keys:{topic}"
        assert shared_redis.ask("HLEN", keys) == b":7\r\n", "3 keys, 3 numbers and the count"
        assert 0 < int(shared_redis.ask("PTTL", keys)[1:]) <= seconds * 1000
        size = sum(map(len, shared_redis.ask("HVALS", keys).split()))
        assert size < 1000, "digests, and no keys"


async def test_without_keys_nothing_is_remembered(
    make_redis: MakeRedis, shared_redis: RedisServer
) -> None:
    feed = Feed("plain", make_redis(shared_redis, prefix="without:"))
    await feed.publish("x")
    assert shared_redis.ask("KEYS", "without:*") == b"*1\r\n$13\r\nwithout:plain\r\n"


async def test_in_memory_the_keys_go_with_the_topic() -> None:
    backend = Memory()
    feed = Feed("news", backend)
    first = await feed.publish("x", key=KEY)
    del feed
    assert await Feed("news", backend).publish("x", key=KEY) != first


# What a publisher that received a 503 knows


async def failed(feed: Feed, key: str | None = KEY) -> HTTPError:
    """The error of a publish that fails."""
    with pytest.raises(HTTPError) as raised:
        await feed.publish("once", key=key)
    assert raised.value.status == 503
    assert raised.value.headers == {"Retry-After": "1"}
    return raised.value


@pytest.mark.parametrize("workers", [1, 2])
async def test_a_retry_after_redis_was_stalled(
    serve: Serve, own_redis: RedisServer, make_redis: MakeRedis, workers: int
) -> None:
    """The stalled command is executed late, before the retries or behind them, at one worker or at
    several: there is one event."""
    feeds = [Feed("news", make_redis(own_redis, timeout=TIMEOUT)) for _ in range(workers)]
    server = await serve(app(feeds[0]))
    for feed in feeds:
        await feed.publish("before")
    async with following(server, target="/all") as reader:
        await reader.read(workers)
        own_redis.freeze()
        errors = [await failed(feed) for feed in feeds]
        own_redis.resume()
        ids = {await feed.publish("once", key=KEY) for feed in feeds * 2}
        last = await feeds[0].publish("last")
        await reader.read_until(lambda reader: reader.id == last)
        assert reader.data == [*["before"] * workers, "once", "last"]
        assert ids == {reader.events[-2].id}
    for error in errors:
        assert error.members == {"added": "unknown"}
        assert "may have been added. Repeated with the same idempotency key" in error.detail


async def test_without_a_key_the_stalled_event_is_added_as_well(
    own_redis: RedisServer, make_redis: MakeRedis
) -> None:
    """Which is why the 503 says that it may have been."""
    feed = Feed("news", make_redis(own_redis, timeout=TIMEOUT))
    await feed.publish("before")
    own_redis.freeze()
    assert (await failed(feed, key=None)).members == {"added": "unknown"}
    own_redis.resume()
    await wait_until(lambda: own_redis.ask("XLEN", feed._topic._key) == b":2\r\n")  # type: ignore[attr-defined]  # of Redis


async def test_what_was_not_sent_was_not_added(
    own_redis: RedisServer, make_redis: MakeRedis
) -> None:
    feed = Feed("news", make_redis(own_redis, timeout=TIMEOUT))
    await asyncio.to_thread(own_redis.kill)
    error = await failed(feed)
    assert error.members == {"added": "no"}
    assert error.detail == "the feed's store is out of reach: the event was not added, try again"


@pytest.mark.parametrize(("key", "denied"), [(None, "-xadd"), (KEY, "-xadd"), (KEY, "-hset")])
async def test_what_redis_refuses_was_not_added(
    own_redis: RedisServer, make_redis: MakeRedis, key: str | None, denied: str
) -> None:
    """Also where the user may write the stream, but not the hash of the keys."""
    redis = make_redis(own_redis, prefix="acl:")
    await Feed("news", redis).publish("before")
    assert own_redis.ask("ACL", "SETUSER", "default", denied) == b"+OK\r\n"
    error = await failed(Feed("news", redis), key)
    assert error.members == {"added": "no"}
    assert error.detail == "the feed's store refused the event: it was not added"
    assert own_redis.ask("XLEN", "acl:news") == b":1\r\n"
    assert own_redis.ask("ACL", "SETUSER", "default", "+@all") == b"+OK\r\n"
    await Feed("news", redis).publish("once", key=key)
    assert own_redis.ask("XLEN", "acl:news") == b":2\r\n"
