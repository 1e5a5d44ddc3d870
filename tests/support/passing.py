"""What became of a message on its way through a relay: each side's lines, to the byte."""

from dataclasses import dataclass
from typing import Any

from support.inprocess import Served
from support.rawserver import RawServer
from support.rawsocket import connect
from support.relaying import StartRelay, ok
from support.requests import get

DATE = b"Date: Thu, 01 Jan 1970 00:00:00 GMT"
"""With it in an answer, none is put in on the way."""

CLOSE = b"Connection: close"
"""With it in a request, the answer is over when the connection is."""

LAST_GET = get(b"/", CLOSE)
VIA = b"via: 1.1 streamserver"


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
    body: bytes = b"",
    rest: bytes = b"",
    closes: bool = False,
) -> Passed:
    """Send a request that is the connection's last through a relay, have it answered, and tell.

    The upstream answers (200 if nothing else is given) once it has a head and `body` behind
    it, and then leaves, if it `closes`. `rest` is sent once the upstream has the head.
    """
    async with connect(server.port) as client:
        await client.send(sent)
        peer = await upstream.asked()
        await client.send(rest)
        await peer.read_until(lambda heard: heard.partition(b"\r\n\r\n")[2].endswith(body))
        await peer.send(ok() if answer is None else answer)
        if closes:
            peer.sock.close()
        received = await client.read_until()
    return Passed(peer.received, received)


async def fields_up(
    relay: StartRelay, upstream: RawServer, *sent: bytes, **options: Any
) -> list[bytes]:
    """What becomes of these field lines of a GET; unless asked for, nothing tells who asked."""
    server = await relay(**{"forwarded": "off", **options})
    return (await pass_on(server, upstream, get(b"/", *sent, CLOSE))).fields
