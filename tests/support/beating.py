"""Event streams that a relay keeps alive, and how long a few of its heartbeats take."""

import json
from collections.abc import Callable
from typing import Any

from streamserver.wire.sse import Event, Parser
from support.answers import content
from support.inprocess import Served
from support.rawserver import RawServer
from support.rawsocket import RawClient, connect
from support.relaying import chunk
from support.requests import get

INTERVAL = 0.02
BEAT = b":\n\n"
BEATEN = chunk(BEAT)
ASK = get(b"/", b"Accept: text/event-stream")
"""Who asks so is known to want events before there is any answer."""


def beaten(times: int) -> Callable[[bytes], bool]:
    """Whether so many heartbeats have come."""
    return lambda received: received.count(BEATEN) >= times


async def early(
    server: Served, upstream: RawServer, client: RawClient, sent: bytes = ASK
) -> RawClient:
    """The upstream's end of a request that it has not answered, though its client has a head."""
    await client.send(sent)
    peer = await upstream.asked()
    await client.read_until(beaten(1))
    return peer


async def pass_time(server: Served, upstream: RawServer, beats: int = 4) -> None:
    """Return when whoever else is silent on this server should have had some heartbeats."""
    async with connect(server.port) as other:
        peer = await early(server, upstream, other)
        await other.read_until(beaten(beats))
        peer.reset()


def events(received: bytes) -> list[Event]:
    """The events in an answer so far."""
    return Parser().feed(content(received))


def last_words(received: bytes) -> dict[str, Any]:
    """What the answer's last event, of type error, tells; behind it the answer is cut."""
    last = events(received)[-1]
    assert last.event == "error"
    assert content(received).endswith(b"}\n\n")
    assert received.endswith(b"\n\n\r\n")  # a whole chunk, and not the last-chunk
    told: dict[str, Any] = json.loads(last.data)
    assert list(told)[:3] == ["status", "title", "detail"]
    return told
