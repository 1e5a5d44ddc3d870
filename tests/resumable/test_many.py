"""A thousand readers who leave and return at random moments: each gets every event, once and in
order, and the upstream is asked once."""

import asyncio
import random
from dataclasses import dataclass, field

from support.relaying import LAST_CHUNK, chunk
from support.requests import get, post
from support.resuming import BODY, TARGET, Kept, event, events_of, keeping, location_of

READERS = 1000
EVENTS = 40
SEED = 12


@dataclass
class Reader(asyncio.Protocol):
    """A client that leaves after so many events, and returns with its position."""

    port: int
    location: bytes
    rnd: random.Random
    done: asyncio.Future[None]
    data: list[str] = field(default_factory=list)
    position: str = ""
    returns: int = 0
    received: bytes = b""
    patience: int = 0

    async def come(self) -> None:
        """Connect, and follow from the last event on, by one of the three ways."""
        self.received, self.patience = b"", self.rnd.randrange(1, EVENTS)
        loop = asyncio.get_running_loop()
        self.transport, _ = await loop.create_connection(lambda: self, "127.0.0.1", self.port)
        after = [b"Last-Event-ID: " + self.position.encode()] if self.position else []
        way = self.rnd.randrange(3)
        if way == 0:
            sent = post(BODY, target=TARGET, fields=[b"Idempotency-Key: k", *after])
        elif way == 1:
            sent = get(self.location, *after)
        else:
            query = f"?last-event-id={self.position}" if self.position else ""
            sent = get(self.location + query.encode())
        self.transport.write(sent)

    def data_received(self, data: bytes) -> None:
        """Leave when there is enough."""
        self.received += data
        if self.received.startswith(b"HTTP/1.1 204 "):
            return self.leave(is_over=True)
        is_over = self.received.endswith(LAST_CHUNK)
        if is_over or self.received.count(b"\n\n") >= self.patience:
            self.leave(is_over)

    def leave(self, is_over: bool) -> None:
        """Keep what has come whole, and return unless it was all."""
        for one in events_of(self.received):
            self.data.append(str(one.data))
            self.position = str(one.id)
        self.transport.abort()
        self.received = b""
        if is_over and not self.done.done():
            self.done.set_result(None)
        elif not self.done.done():
            self.returns += 1
            delay = self.rnd.random() / 20
            loop = asyncio.get_running_loop()
            loop.call_later(delay, lambda: asyncio.ensure_future(self.come()))


async def test_each_gets_every_event_once_and_in_order() -> None:
    asyncio.get_running_loop().set_debug(False)  # which multiplies the time of each callback
    rnd = random.Random(SEED)
    async with keeping() as kept:
        client, peer = await kept.begin(event(0), key="k")
        readers = [reader_of(kept, location_of(client.received), rnd) for _ in range(READERS)]
        for reader in readers:
            await reader.come()
        for number in range(1, EVENTS):
            await peer.send(chunk(event(number)))
            await asyncio.sleep(rnd.random() / 50)
        await peer.send(LAST_CHUNK)
        async with asyncio.timeout(60):
            await asyncio.gather(*[reader.done for reader in readers])
        expected = [event(number)[6:-2].decode() for number in range(EVENTS)]
        assert all(reader.data == expected for reader in readers)
        assert sum(reader.returns for reader in readers) > READERS
        kept.check_asked_once(peer)


def reader_of(kept: Kept, location: str, rnd: random.Random) -> Reader:
    """One with a seed of its own."""
    done = asyncio.get_running_loop().create_future()
    return Reader(kept.server.port, location.encode(), random.Random(rnd.random()), done)
