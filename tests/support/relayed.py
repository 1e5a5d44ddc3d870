"""What became of a message on its way through a relay: each side's lines, to the byte."""

from collections.abc import Callable
from dataclasses import dataclass

from support.inprocess import Served
from support.rawserver import RawServer
from support.rawsocket import RawClient, connect
from support.relaying import ok
from support.requests import get

DATE = b"Date: Thu, 01 Jan 1970 00:00:00 GMT"
"""With it in an answer, none is put in on the way."""

VIA = b"via: 1.1 streamserver"
LAST_GET = get(b"/", b"Connection: close")
"""A request whose answer is over when the connection is."""


def lines(message: bytes) -> list[bytes]:
    """The lines of the first head in it."""
    return message.partition(b"\r\n\r\n")[0].split(b"\r\n")


@dataclass(frozen=True, slots=True)
class Passed:
    """A request and its answer: what the upstream heard and what the client did."""

    up: bytes
    down: bytes

    @property
    def fields(self) -> list[bytes]:
        """The field lines of the request as the upstream heard it, without the first, its Host."""
        _, host, *others = lines(self.up)
        assert host.startswith(b"host: ")
        return others


async def pass_on(
    server: Served,
    upstream: RawServer,
    sent: bytes,
    answer: bytes | None = None,
    *,
    asked: bytes | Callable[[bytes], object] = b"\r\n\r\n",
    closes: bool = False,
) -> Passed:
    """Send a request that is the connection's last through a relay, have it answered, and tell.

    `asked`: what the upstream waits for before it answers; `closes`: whether it then leaves.
    """
    async with connect(server.port) as client:
        await client.send(sent)
        peer = await upstream.accept()
        await peer.read_until(asked)
        await peer.send(ok() if answer is None else answer)
        if closes:
            peer.sock.close()
        received = await client.read_until()
    return Passed(peer.received, received)


async def is_cut(peer: RawClient) -> bool:
    """Whether the relay leaves this connection, having sent nothing more; TimeoutError if not."""
    before = peer.received
    try:
        await peer.read_until()
    except ConnectionResetError:
        pass
    return peer.received == before
