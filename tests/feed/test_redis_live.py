"""How topics in Redis are read: over one connection, as long as they have subscribers."""

import asyncio
import contextlib
import re
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis as Client

from streamserver.feed.feed import Feed
from streamserver.feed.redis import TIMEOUT, Redis
from streamserver.feed.redis_client import Connections
from streamserver.feed.redis_live import BLOCK, LiveReader
from support.following import Follower, app, crowd, following
from support.inprocess import Serve
from support.leaks import no_leaks
from support.redis import MakeRedis, RedisServer, redis_server
from support.waiting import wait_until


@pytest.fixture
def backend(own_redis: RedisServer, make_redis: MakeRedis) -> Redis:
    """The only one that its Redis knows."""
    return make_redis(own_redis)


def waiting(server: RedisServer) -> list[str]:
    """The connections with a blocking XREAD."""
    return [each for each in server.clients() if " flags=b " in each and " cmd=xread " in each]


async def test_topics_that_are_added_during_a_read(serve: Serve, backend: Redis) -> None:
    """Each is read immediately, and no event of the others is lost."""
    feeds = [Feed(f"topic {n}", backend) for n in range(5)]
    servers = [await serve(app(feed)) for feed in feeds]
    async with following(servers[0]) as first:
        await first.position()
        for n, feed in enumerate(feeds[1:], 1):
            async with asyncio.timeout(2), following(servers[n]) as reader:
                await feeds[0].publish(f"before {n}")
                await reader.position()
                await feeds[0].publish(f"behind {n}")
                await feed.publish("here")
                await reader.read(1)
        await first.read(8)
    assert first.data == [f"{where} {n}" for n in range(1, 5) for where in ("before", "behind")]


async def test_one_connection_for_all_topics_and_readers(
    serve: Serve, backend: Redis, own_redis: RedisServer
) -> None:
    feeds = [Feed(f"topic {n}", backend) for n in range(4)]
    servers = [await serve(app(feed)) for feed in feeds]
    async with (
        crowd(servers[0], 5),
        crowd(servers[1], 5),
        crowd(servers[2], 5) as readers,
        crowd(servers[3], 5),
    ):
        await wait_until(lambda: len(waiting(own_redis)) == 1)
        await feeds[2].publish("here")
        for reader in readers:
            await reader.read(1)
        await wait_until(lambda: len(waiting(own_redis)) == 1)
        assert len(own_redis.clients()) == 2  # and one to publish


async def test_topics_without_subscribers_are_not_read(
    serve: Serve, backend: Redis, own_redis: RedisServer
) -> None:
    """The last one closes the connection; the next reader gets all events again."""
    feed = Feed("news", backend)
    server = await serve(app(feed))
    for n in range(3):
        async with following(server, target="/all") as reader:
            await reader.position()
            await wait_until(lambda: len(waiting(own_redis)) == 1)
            await feed.publish(n)
            await reader.read(n + 1)
            assert reader.data == [str(each) for each in range(n + 1)]
        await wait_until(lambda: not feed._topic.subscribers)
        await wait_until(lambda: len(own_redis.clients()) == 1)
        assert feed._topic.log.newest is None


async def test_a_reader_that_returns_while_its_topic_is_removed(
    serve: Serve, backend: Redis
) -> None:
    """Another topic keeps the connection open."""
    feed, other = Feed("news", backend), Feed("other", backend)
    server, others = await serve(app(feed)), await serve(app(other))
    position = await feed.publish("first")
    async with following(others) as steady:
        await steady.position()
        for n in range(20):
            async with following(server, position) as reader:
                await feed.publish(n)
                await reader.read(1)
                assert reader.data == [str(n)]
                position = str(reader.id)
            await other.publish(n)
        await steady.read(20)


async def test_new_topics_keep_the_connection(
    serve: Serve, backend: Redis, own_redis: RedisServer
) -> None:
    """One at a time, and many together; each is read immediately."""
    feeds = [Feed(f"topic {n}", backend) for n in range(41)]
    servers = [await serve(app(feed)) for feed in feeds]
    async with contextlib.AsyncExitStack() as stack:

        async def join(n: int) -> Follower:
            reader = await stack.enter_async_context(following(servers[n]))
            await reader.position()
            return reader

        readers = [await join(0)]
        await feeds[0].publish("first")  # so that there is a connection for that too
        await wait_until(lambda: waiting(own_redis))
        before = own_redis.stat("total_connections_received")
        async with asyncio.timeout(BLOCK - 1):  # none waits for the end of an XREAD
            readers += [await join(n) for n in range(1, 21)]
            readers += await asyncio.gather(*(join(n) for n in range(21, 41)))
            for feed in feeds:
                await feed.publish("here")
            for reader in readers:
                await reader.read_until(lambda reader: "here" in reader.data)
        # The test has a connection too, and a wake during a publish may need another.
        assert own_redis.stat("total_connections_received") - before <= 5
        await wait_until(lambda: len(waiting(own_redis)) == 1)


async def test_topics_that_are_added_after_an_outage(
    serve: Serve, make_redis: MakeRedis, tmp_path: Path
) -> None:
    """Also if Redis comes back empty, and with a clock that is behind."""
    with redis_server(tmp_path) as forgetful:
        backend = make_redis(forgetful)
        async with contextlib.AsyncExitStack() as stack:
            for n in range(4):
                server = await serve(app(Feed(f"topic {n}", backend)))
                reader = await stack.enter_async_context(following(server))
                async with asyncio.timeout(BLOCK - 1):
                    await reader.position()
                await wait_until(lambda: len(waiting(forgetful)) == 1)
                if n == 1:
                    forgetful.ask("FLUSHALL")
                elif n == 2:
                    [wake] = re.findall(rb"\S*wake:\S+", forgetful.ask("KEYS", "*wake:*"))
                    forgetful.ask("XADD", wake, f"{10**15}-0", "clock", "ahead")
                    await asyncio.to_thread(forgetful.kill)
                    await asyncio.to_thread(forgetful.start)
                    await wait_until(lambda: len(waiting(forgetful)) == 1)
        await backend.close()


async def test_a_redis_that_refuses_to_wake(
    serve: Serve,
    backend: Redis,
    own_redis: RedisServer,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """As when its memory is full: then a new topic waits for the end of the XREAD."""
    monkeypatch.setattr("streamserver.feed.redis_live.BLOCK", 0.2)
    one, two = [await serve(app(Feed(name, backend))) for name in ("one", "two")]
    async with following(one) as reader:
        await reader.position()
        own_redis.ask("CONFIG", "SET", "maxmemory", "1")
        async with following(two) as late:
            await late.position()
    assert "new feeds are delayed, since Redis refused to end a read: " in caplog.text


class Odd:
    """A topic that fails in the method `failing`."""

    def __init__(self, failing: str) -> None:
        self.position: str | None = None
        self.taken = list[str]()
        self.failing = failing

    def _fail(self, where: str) -> None:
        if where == self.failing:
            raise LookupError("unforeseen")

    async def load(self, client: Any) -> None:
        self._fail("load")
        self.position = "0-0"

    def on_live(self, found: Any) -> None:
        self._fail("on_live")
        self.position = found[-1][0].decode()
        self.taken += [fields[b"event"].decode() for _, fields in found]


class OddClient(Client):
    """Fails once."""

    times = 1

    async def xread(self, *args: Any) -> Any:
        if self.times:
            self.times -= 1
            raise LookupError("unforeseen")
        return await super().xread(*args)


class OddConnections(Connections):
    """Makes such clients."""

    def connect(self, timeout: float) -> Any:
        return OddClient.from_pool(super().connect(timeout).connection_pool)


@pytest.mark.parametrize("failing", ["load", "on_live", "client"])
async def test_an_unexpected_error_of_one_topic_ends_no_other(
    own_redis: RedisServer, caplog: pytest.LogCaptureFixture, failing: str
) -> None:
    """It is logged with its traceback; the other topics continue, and finally this one."""
    kind = OddConnections if failing == "client" else Connections
    connections = kind(own_redis.url, TIMEOUT)
    reader = LiveReader(connections, "")
    steady, odd = Odd(""), Odd(failing)
    reader.add("odd", odd)
    reader.add("steady", steady)
    for n in range(4):
        odd.failing = failing if n < 3 else ""
        for key in ("odd", "steady"):
            own_redis.ask("XADD", key, "*", "event", str(n))
        await wait_until(lambda n=n: steady.taken[-1:] == [str(n)])  # type: ignore[misc]  # a default has no type
    await wait_until(lambda: odd.taken == ["0", "1", "2", "3"])
    assert steady.taken == odd.taken
    assert "LookupError: unforeseen" in caplog.text
    await reader.close()
    await connections.close()


async def test_a_cancellation_that_is_suppressed_is_repeated(
    own_redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As by a send with a timeout, before Python 3.12."""
    monkeypatch.setattr("streamserver.kit.tasks.CANCEL_AGAIN", 0.01)
    begun = asyncio.Event()

    class Deaf(Odd):
        async def load(self, client: Any) -> None:
            begun.set()
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(60)
            await asyncio.sleep(60)

    reader = LiveReader(Connections(own_redis.url, TIMEOUT), "")
    reader.add("deaf", Deaf(""))
    await begun.wait()
    async with asyncio.timeout(5):
        await reader.close()


@pytest.mark.parametrize("loaded", [True, False])
async def test_close_leaves_nothing_open(
    serve: Serve, own_redis: RedisServer, loaded: bool
) -> None:
    """Also with readers, while Redis does not answer: neither the load nor the read of
    new entries."""
    async with no_leaks():
        redis = Redis(own_redis.url)
        server = await serve(app(Feed("news", redis)))
        await Feed("news", redis).publish("x")
        if not loaded:
            own_redis.freeze()
        async with following(server) as reader:
            if loaded:
                await reader.position()
                await wait_until(lambda: waiting(own_redis))
                own_redis.freeze()
            else:
                await asyncio.sleep(0.05)  # it has asked by now
            async with asyncio.timeout(2):
                await redis.close()
        own_redis.resume()
        await wait_until(lambda: not own_redis.clients())
        await server.stop()
