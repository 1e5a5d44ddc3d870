"""`proxy URL --resumable --redis URL` on two machines, one with several workers, behind nginx."""

import asyncio
import contextlib
import os
import random
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from streamserver.kit.pace import Pace
from streamserver.wire.sse import Event
from support.kernel import holder
from support.nginx import nginx, reserved_port
from support.process import RunServer, workers_of
from support.rawsocket import RawClient, connect, until_end
from support.redis import RedisServer
from support.relaying import EVENTS_HEAD, LAST_CHUNK, chunk
from support.requests import get, post
from support.resuming import DONE, TARGET, data_of, event, events_of, location_of

ANSWERS, READERS = 6, 4
EVENTS, INTERVAL = 60, 0.02
LOST_WITHIN = 10.0
HEADS = b"HTTP/1.1 200 ", b"HTTP/1.1 204 "
FRONT = """
    upstream machines {{ server 127.0.0.1:{first}; server 127.0.0.1:{second}; }}
    server {{
        listen 127.0.0.1:{front} reuseport;
        location / {{
            proxy_pass http://machines;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_buffering off;
        }}
    }}
"""


@dataclass(slots=True)
class Model:
    """A service whose answers take time. For each request body: how often it was ``asked``, and the
    connection of the last ``caller``."""

    asked: Counter[bytes] = field(default_factory=Counter)
    caller: dict[bytes, RawClient] = field(default_factory=dict)

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """The requests of one connection."""
        with contextlib.suppress(asyncio.IncompleteReadError), contextlib.closing(writer):
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
                body = await reader.readexactly(int(length))
                self.asked[body] += 1
                self.caller[body] = RawClient(writer.get_extra_info("socket"))
                writer.write(EVENTS_HEAD)
                pace = Pace(INTERVAL)
                for number in range(EVENTS):
                    await pace.until(number)
                    if writer.is_closing():
                        return
                    writer.write(chunk(event(number)))
                writer.write(chunk(DONE) + LAST_CHUNK)


@dataclass(slots=True)
class Reader:
    """A client that leaves at random moments, and returns to whichever machine it gets."""

    port: int
    key: str
    chance: random.Random
    location: str = ""
    events: list[Event] = field(default_factory=list)
    has_ended: bool = False
    _least: int = 0

    async def read(self) -> list[str]:
        """The whole answer, in parts."""
        while not self.has_ended:
            async with connect(self.port) as client:
                await client.send(self._request())
                self._least = self.chance.randint(1, EVENTS // 4)
                with contextlib.suppress(EOFError, ConnectionError):
                    await client.read_until(self._has_enough)
                assert client.received.startswith(HEADS)
                self.location = self.location or location_of(client.received)
                self.events += events_of(client.received)
                self.has_ended = has_ended(client.received)
                if self.chance.random() < 0.5:
                    client.reset()
            await asyncio.sleep(self.chance.uniform(0, 2 * INTERVAL))
        return [str(event.data) for event in self.events]

    def _has_enough(self, received: bytes) -> bool:
        return has_ended(received) or len(events_of(received)) >= self._least

    def _request(self) -> bytes:
        fields = [f"Idempotency-Key: {self.key}".encode()]
        if self.events:
            fields.append(f"Last-Event-ID: {self.events[-1].id}".encode())
        if self.location and self.chance.random() < 0.5:
            return get(self.location.encode(), *fields)
        return post(self.key.encode(), fields=fields, target=TARGET)


def has_ended(received: bytes) -> bool:
    """Whether the answer has no further event."""
    # With the line end before it: an id that ends in 0 may be the last field of a head.
    return received.endswith(b"\r\n" + LAST_CHUNK) or received.startswith(HEADS[1])


@pytest.fixture
async def model() -> AsyncIterator[tuple[Model, str]]:
    """The service, and its URL."""
    model = Model()
    async with await asyncio.start_server(model.answer, "127.0.0.1", 0) as server:
        yield model, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def test_readers_leave_and_return_and_a_worker_is_killed(
    model: tuple[Model, str], run_server: RunServer, shared_redis: RedisServer, tmp_path: Path
) -> None:
    service, url = model
    options = "proxy", url, "--resumable", "--redis", f"{shared_redis.url}/2"
    one, other = run_server(*options, "--workers", "2"), run_server(*options)
    async with connect(one.port) as client, connect(other.port) as follower:
        await client.send(post(b"doomed", target=TARGET))
        await client.read_until(event(0))
        await follower.send(get(location_of(client.received).encode()))
        await follower.read_until(event(0))
        os.kill(holder(service.caller[b"doomed"], workers_of(one)), signal.SIGKILL)
        losing = asyncio.create_task(lost(follower, time.monotonic()))
        with reserved_port() as front:
            http = FRONT.format(first=one.port, second=other.port, front=front)
            with nginx(tmp_path, http, front):
                await read_all(front)
        assert await losing < LOST_WITHIN
    assert service.asked == {b"doomed": 1, **{b"key-%d" % n: 1 for n in range(ANSWERS)}}


async def read_all(port: int) -> None:
    """Each reader gets every event once and in order."""
    chance = random.Random(12)
    keys = [f"key-{n}" for n in range(ANSWERS)] * READERS
    readers = [Reader(port, key, random.Random(chance.random())) for key in keys]
    expected = [*(f'{{"n": {n}}}' for n in range(EVENTS)), "[DONE]"]
    for data in await asyncio.gather(*(reader.read() for reader in readers)):
        assert data == expected
    assert len({reader.location for reader in readers}) == ANSWERS


async def lost(follower: RawClient, begun: float) -> float:
    """Seconds until the answer has ended as lost."""
    await until_end(follower, 3 * LOST_WITHIN)
    seconds = time.monotonic() - begun
    *data, last = data_of(follower.received)
    assert data == [f'{{"n": {n}}}' for n in range(len(data))]
    assert "the server process that received it is gone" in last
    assert not follower.received.endswith(LAST_CHUNK)
    return seconds
