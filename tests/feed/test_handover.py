"""A client moves to a server that has not read as many entries as the client has received."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from streamserver.feed.feed import Feed
from streamserver.feed.redis import Redis
from support.following import app, following
from support.inprocess import Serve
from support.redis import MakeRedis, RedisServer
from support.waiting import wait_until

PART = 65536
PREFIX = "handover:"


class Forwarder:
    """A TCP proxy in front of Redis that can hold back the answers to a command."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._held: dict[bytes, asyncio.Event] = {}
        self.asked: list[bytes] = []

    def hold(self, command: bytes) -> None:
        """Hold back later answers to it."""
        self._held[command] = asyncio.Event()

    def release(self, command: bytes) -> None:
        """Forward the answers that were held back."""
        self._held.pop(command).set()

    async def pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, in both directions, until either side ends it."""
        upstream, to_upstream = await asyncio.open_connection("127.0.0.1", self._port)
        last = b""

        async def ask() -> None:
            nonlocal last
            while part := await reader.read(PART):
                last = part
                self.asked.append(part)
                to_upstream.write(part)
            to_upstream.close()

        async def answer() -> None:
            while part := await upstream.read(PART):
                for command in [each for each in self._held if each in last]:
                    await self._held[command].wait()
                writer.write(part)
            writer.close()

        await asyncio.gather(ask(), answer(), return_exceptions=True)
        for each in (writer, to_upstream):
            each.close()


@contextlib.asynccontextmanager
async def forwarding(redis: RedisServer) -> AsyncIterator[tuple[Forwarder, str]]:
    """A forwarder, and its URL."""
    forwarder = Forwarder(redis.port)
    server = await asyncio.start_server(forwarder.pass_on, "127.0.0.1", 0)
    async with server:
        yield forwarder, f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def test_fetched_and_live_events_are_not_delivered_twice(
    serve: Serve, make_redis: MakeRedis, shared_redis: RedisServer
) -> None:
    """The events after the position are fetched, and arrive live before the fetch returns."""
    async with forwarding(shared_redis) as (forwarder, url):
        elsewhere = make_redis(shared_redis, prefix=PREFIX)
        feed = Feed("news", elsewhere)
        here = Redis(url, prefix=PREFIX)
        server = await serve(app(Feed("news", here)))
        async with following(server) as live:
            await live.position()
            await wait_until(lambda: b"XREAD" in forwarder.asked[-1])
            forwarder.hold(b"XREAD")
            position = await feed.publish("one")
            await feed.publish("two")
            forwarder.hold(b"XRANGE")
            async with following(server, position) as moved:
                await wait_until(lambda: any(b"XRANGE" in part for part in forwarder.asked))
                forwarder.release(b"XREAD")
                await live.read(2)
                forwarder.release(b"XRANGE")
                await feed.publish("three")
                await moved.read_until(lambda each: "three" in each.data)
                assert moved.data == ["two", "three"]
        await here.close()
