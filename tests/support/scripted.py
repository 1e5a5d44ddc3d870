"""An upstream that does what the target of each request says, for tests with many at once."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import cast

from support.relaying import CHUNKED_HEAD, chunk, ok

PIECE = chunk(bytes(65536))


class Actor(asyncio.Protocol):
    """One connection; `busy` while a request is unanswered."""

    transport: asyncio.Transport

    def __init__(self, company: "Company") -> None:
        self.company = company
        self.heard = b""
        self.busy = False
        self.blocked = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.company.actors.add(self)

    def connection_lost(self, error: Exception | None) -> None:
        self.company.actors.discard(self)

    def data_received(self, data: bytes) -> None:
        if self.busy:
            return  # the rest of a body
        self.heard += data
        if b"\r\n\r\n" in self.heard:
            target = self.heard.split(b" ", 2)[1].decode()
            self.heard, self.busy = b"", True
            getattr(self, "play_" + target.strip("/"))()

    def pause_writing(self) -> None:
        self.blocked = True

    def resume_writing(self) -> None:
        self.blocked = False
        self.flow()

    # What a target may say

    def play_silent(self) -> None:
        """Never answer."""

    def play_full(self) -> None:
        """Take nothing more, and never answer."""
        self.transport.pause_reading()

    def play_head(self) -> None:
        """Answer with a head, and nothing behind it."""
        self.transport.write(CHUNKED_HEAD)

    def play_endless(self) -> None:
        """Answer with as much as is taken, without an end."""
        self.transport.write(CHUNKED_HEAD)
        self.flow()

    def play_whole(self) -> None:
        """Answer."""
        self.busy = False
        self.transport.write(ok(b"whole"))

    def play_last(self) -> None:
        """Answer, and close."""
        self.transport.write(ok(b"last"))
        self.transport.close()

    def play_death(self) -> None:
        """Close without an answer."""
        self.transport.abort()

    def flow(self) -> None:
        """Send pieces, each in a turn of its own, for as long as they are taken."""
        if self.busy and not self.blocked and not self.transport.is_closing():
            self.transport.write(PIECE)
            asyncio.get_running_loop().call_soon(self.flow)


@dataclass(slots=True)
class Company:
    """Who is on stage, and where."""

    port: int = 0
    actors: set[Actor] = field(default_factory=set)

    def take_everything(self) -> None:
        """Those who took nothing do so now: whoever does not read hears of no end either."""
        for actor in self.actors:
            actor.transport.resume_reading()

    def count(self, condition: Callable[[Actor], bool]) -> int:
        """How many of them it holds for."""
        return sum(map(condition, self.actors))


@contextlib.asynccontextmanager
async def company() -> AsyncIterator[Company]:
    """A scripted upstream while inside."""
    everyone = Company()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Actor(everyone), "127.0.0.1", 0)
    everyone.port = server.sockets[0].getsockname()[1]
    try:
        yield everyone
    finally:
        server.close()
        for actor in list(everyone.actors):
            actor.transport.abort()
