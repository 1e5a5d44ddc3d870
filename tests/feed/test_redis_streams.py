"""The stream of a topic in Redis, its bounds, and entries of other programs."""

import asyncio
import json
import sys

import pytest

from streamserver.feed.feed import Feed
from streamserver.feed.redis import Redis
from streamserver.wire.problem import HTTPError
from streamserver.wire.sse import Event
from support.following import app, following
from support.inprocess import Serve
from support.redis import MakeRedis, RedisServer
from support.waiting import wait_until

KEY = "there:news"


@pytest.fixture
def feed(shared_redis: RedisServer, make_redis: MakeRedis) -> Feed:
    """A feed whose stream is at `KEY`, where nothing else is yet."""
    shared_redis.ask("DEL", KEY)
    return Feed("news", make_redis(shared_redis, prefix="there:"))


def length(server: RedisServer) -> int:
    return int(server.ask("XLEN", KEY)[1:])


async def test_a_topic_is_a_stream(shared_redis: RedisServer, feed: Feed) -> None:
    ids = [await feed.publish("one"), await feed.publish("two", last=True)]
    received = shared_redis.ask("XRANGE", KEY, "-", "+").decode()
    words = [word for word in received.split("\r\n") if word and word[0] not in "*$"]
    assert words[:9:2] == [ids[0], "data: one\n\n", "0-0", "0", str(len("data: one\n\n"))]
    assert words[9::2] == [ids[1], "data: two\n\n", ids[0], "1", str(2 * len("data: two\n\n"))]


async def test_its_ids_are_of_redis_and_its_clock(shared_redis: RedisServer, feed: Feed) -> None:
    before = float(shared_redis.ask("TIME").split(b"\r\n")[2])
    id = await feed.publish("one")
    assert before * 1000 <= int(id.partition("-")[0]) <= (before + 5) * 1000


async def test_it_is_bounded_by_count(shared_redis: RedisServer, make_redis: MakeRedis) -> None:
    """Approximately: Redis drops a node of a hundred entries at a time."""
    shared_redis.ask("DEL", KEY)
    feed = Feed("news", make_redis(shared_redis, prefix="there:"), max_events=200)
    for n in range(450):
        await feed.publish(n)
    assert 200 <= length(shared_redis) <= 310


async def test_it_is_bounded_by_bytes(shared_redis: RedisServer, make_redis: MakeRedis) -> None:
    """To the byte, also if large events follow many small ones."""
    shared_redis.ask("DEL", KEY)
    feed = Feed("news", make_redis(shared_redis, prefix="there:"), max_bytes=50_000)
    for _ in range(1000):
        await feed.publish("xx")  # ten bytes each
    assert length(shared_redis) == 1000
    await feed.publish("x" * (40_001 - len("data: \n\n")))
    assert length(shared_redis) == 1 + 999
    for _ in range(3):
        await feed.publish("x" * (20_000 - len("data: \n\n")))
    assert length(shared_redis) == 2
    await feed.publish("x" * (50_000 - len("data: \n\n")))
    assert length(shared_redis) == 1


async def test_it_expires_after_its_ttl(shared_redis: RedisServer, make_redis: MakeRedis) -> None:
    """Counted from the last event."""
    backend = make_redis(shared_redis, prefix="there:")
    brief, forever = Feed("brief", backend, ttl=20), Feed("forever", backend)
    await brief.publish("one")
    shared_redis.ask("PEXPIRE", "there:brief", "5000")
    await brief.publish("two")
    await forever.publish("one")
    assert 15_000 < int(shared_redis.ask("PTTL", "there:brief")[1:]) <= 20_000
    assert shared_redis.ask("PTTL", "there:forever") == b":-1\r\n"


async def test_over_a_unix_socket(
    shared_redis: RedisServer, make_redis: MakeRedis, serve: Serve, feed: Feed
) -> None:
    redis = Redis(shared_redis.socket_url, prefix="there:")
    server = await serve(app(Feed("news", redis)))
    async with following(server) as reader:
        await reader.position()
        await feed.publish("over TCP")
        await Feed("news", redis).publish("over the socket")
        await reader.read(2)
        assert reader.data == ["over TCP", "over the socket"]
    await redis.close()
    assert not [task for task in asyncio.all_tasks() if "xread" in repr(task.get_coro())]


def test_without_redis_py(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "redis.exceptions", None)
    with pytest.raises(RuntimeError, match=r"needs redis-py: pip install .*\[redis\]"):
        Redis("redis://127.0.0.1")


async def test_what_others_put_there_is_left_out(
    shared_redis: RedisServer, feed: Feed, serve: Serve
) -> None:
    """For connected readers and those that return: no event, and no gap."""
    server = await serve(app(feed))
    first = await feed.publish("first")
    shared_redis.ask("XADD", KEY, "*", "event", "not ours")
    async with following(server, first) as there:
        await feed.publish("second")
        await there.read(1)
        for _ in range(3):
            shared_redis.ask("XADD", KEY, "*", b"\xff", b"\xff")
        await feed.publish("third")
        await there.read(2)
    async with following(server, first) as back, following(server, target="/all") as all:
        await back.read(2)
        await all.read(3)
    assert there.data == back.data == ["second", "third"]
    assert all.data == ["first", "second", "third"]


async def test_readers_where_there_is_only_what_others_put(
    shared_redis: RedisServer, feed: Feed, serve: Serve
) -> None:
    """In all entries that are loaded: readers still continue after the last event."""
    server = await serve(app(feed))
    last = await feed.publish("ours")
    script = "for i = 1, 1500 do redis.call('XADD', KEYS[1], '*', 'a', 'b') end"
    shared_redis.ask("EVAL", script, "1", KEY)
    async with following(server) as new, following(server, last) as back:
        assert await new.position() == last
        await feed.publish("behind")
        for reader in (new, back):
            await reader.read(1)
            assert reader.data == ["behind"]


@pytest.mark.parametrize("many", [1, 1500])
async def test_what_others_put_at_the_end_is_not_the_newest(
    shared_redis: RedisServer, feed: Feed, many: int
) -> None:
    script = "for i = 1, ARGV[1] do redis.call('XADD', KEYS[1], '*', 'bytes', 'x') end"
    shared_redis.ask("EVAL", script, "1", KEY, str(many))
    assert await feed.newest() is None
    id = await feed.publish("ours")
    shared_redis.ask("EVAL", script, "1", KEY, str(many))
    assert await feed.newest() == Event("ours", id=id)


async def test_what_others_put_there_is_not_counted(
    shared_redis: RedisServer, make_redis: MakeRedis
) -> None:
    """Our bytes are still bounded."""
    shared_redis.ask("DEL", KEY)
    feed = Feed("news", make_redis(shared_redis, prefix="there:"), max_bytes=50_000)
    for n in range(3):
        await feed.publish("x" * (20_000 - len("data: \n\n")))
        shared_redis.ask("XADD", KEY, "*", "n", str(n))
    assert length(shared_redis) == 4  # the last two, each with what is behind it


async def test_what_others_put_at_the_end_is_read_once(
    shared_redis: RedisServer, feed: Feed, serve: Serve
) -> None:
    """An XREAD from the last event on would return immediately, again and again."""
    server = await serve(app(feed))
    async with following(server) as reader:
        await reader.position()
        shared_redis.ask("XADD", KEY, "*", "a", "b")
        await feed.publish("behind")
        shared_redis.ask("XADD", KEY, "*", "c", "d")
        await reader.read(1)

        def waits() -> bool:
            return any(" cmd=xread " in each and "flags=b" in each for each in clients())

        def clients() -> list[str]:
            return shared_redis.clients()

        await wait_until(waits)
        before = reads(shared_redis)
        await feed.publish("and behind that")
        await reader.read(2)
        await wait_until(waits)
        assert reads(shared_redis) - before <= 2


def reads(server: RedisServer) -> int:
    """How often anybody has asked for new entries."""
    lines = server.ask("INFO", "commandstats").decode().splitlines()
    [line] = [line for line in lines if line.startswith("cmdstat_xread:")]
    return int(line.partition("calls=")[2].partition(",")[0])


async def test_a_reader_behind_many_of_others(
    shared_redis: RedisServer, feed: Feed, serve: Serve
) -> None:
    """More of them than are fetched at once."""
    server = await serve(app(feed))
    ids = [await feed.publish("first"), await feed.publish("second")]
    script = "for i = 1, 2000 do redis.call('XADD', KEYS[1], '*', 'a', 'b') end"
    shared_redis.ask("EVAL", script, "1", KEY)
    await feed.publish("behind")
    async with following(server, ids[0]) as reader:
        await reader.read(2)
        assert reader.data == ["second", "behind"]


@pytest.mark.parametrize("many", [1, 50])
async def test_what_others_put_there_hides_no_gap(
    shared_redis: RedisServer, feed: Feed, serve: Serve, many: int
) -> None:
    """Also if the oldest entry that is left is one of theirs."""
    server = await serve(app(feed))
    ids = [await feed.publish(n) for n in range(3)]
    for _ in range(many):
        shared_redis.ask("XADD", KEY, "*", "a", "b")
    ids.append(await feed.publish("left"))
    shared_redis.ask("XDEL", KEY, *ids[:3])
    async with following(server, ids[0]) as back, following(server, target="/all") as new:
        await back.read(2)
        await new.read(1)
    assert back.gaps == [{"after": ids[0], "first": ids[3]}]
    assert [event.id for event in new.events] == ids[3:]
    assert back.events[0].id  # a position to come back to


async def test_what_is_no_stream(
    shared_redis: RedisServer, feed: Feed, serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    """Other topics are not affected; when it is a stream, its readers get its events."""
    server = await serve(app(feed))
    shared_redis.ask("SET", KEY, "text")
    with pytest.raises(HTTPError) as raised:
        await feed.publish("first")
    assert raised.value.status == 503
    with pytest.raises(HTTPError):
        await feed.newest()
    backend = feed._topic._redis  # type: ignore[attr-defined]  # it is Redis here
    other = Feed("other", backend)
    others = await serve(app(other))
    async with following(server, target="/all") as waiting, following(others) as reader:
        await reader.position()
        for n in range(3):
            await other.publish(n)
            await reader.read(n + 1)
        assert reader.data == ["0", "1", "2"]
        assert caplog.text.count(f"the feed at '{KEY}' cannot be read") == 1
        shared_redis.ask("DEL", KEY)
        await feed.publish("first")
        await other.publish("wake")
        await waiting.read(1)
        assert waiting.data == ["first"]
        shared_redis.ask("SET", KEY, "text")  # while it is followed
        for n in range(3):
            await other.publish(f"still here {n}")
            await reader.read(5 + n)
    assert reader.data[3:] == ["wake", *(f"still here {n}" for n in range(3))]


async def test_a_stream_that_is_deleted(
    shared_redis: RedisServer, feed: Feed, serve: Serve
) -> None:
    """Its events are lost, and readers that had some of them get a gap."""
    server = await serve(app(feed))
    ids = [await feed.publish(n) for n in range(3)]
    async with following(server, ids[1]) as reader:
        await reader.read(1)
        shared_redis.ask("FLUSHALL")
        again = await feed.publish("again")
        await reader.read(3)
    assert [event.event for event in reader.events] == [None, "gap", None]
    assert reader.gaps == [{"after": ids[2], "first": again}]
    async with following(server, ids[0]) as back:
        await back.read(2)
    assert back.gaps == [{"after": ids[0], "first": again}]
    newest = await feed.newest()
    assert newest == Event("again", id=again)
    assert json.loads(back.events[0].data)["first"] > ids[2]
