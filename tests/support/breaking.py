"""Handlers whose answers break as each request asks, and what comes of it, to the byte."""

from collections.abc import AsyncIterator
from typing import Literal, NamedTuple

from streamserver.kit.request import Request
from streamserver.kit.response import Response
from streamserver.wire.chunked import encode
from support.inprocess import Served
from support.rawsocket import connect
from support.requests import get, request

EVENTS = (b"data: 0\n\n", b"data: 1\n\n", b"data: 2\n\n")
BODY = b"".join(EVENTS)
LAST = b"0\r\n\r\n"


class Outcome(NamedTuple):
    """What a client of bytes saw."""

    head: bytes
    body: bytes
    """With its framing."""
    end: Literal["FIN", "RST"]


async def three_events(request: Request) -> Response:
    """A stream without an end of its own length."""
    return Response(_events())


async def text(request: Request) -> Response:
    """The same, but at once and with a Content-Length."""
    return Response(BODY)


async def _events() -> AsyncIterator[bytes]:
    for event in EVENTS:
        yield event


def chunks(*pieces: bytes) -> bytes:
    """The pieces as chunks, without a last one."""
    return b"".join(map(encode, pieces))


async def broken(
    served: Served, faults: str, target: str = "/", *fields: bytes, method: bytes = b"GET"
) -> Outcome:
    """What a request of HTTP/1.1 with these faults gets, until its connection ends."""
    mark = "&" if "?" in target else "?"
    asked = f"{target}{mark}fault={faults}".encode()
    sent = get(asked, b"Connection: close", *fields)
    return await outcome(served, sent.replace(b"GET", method, 1))


async def broken_old(served: Served, faults: str) -> Outcome:
    """What one of HTTP/1.0 gets."""
    return await outcome(served, request(b"GET /?fault=%b HTTP/1.0" % faults.encode()))


async def outcome(served: Served, sent: bytes) -> Outcome:
    """What these bytes get, until the connection ends."""
    async with connect(served.port) as client:
        await client.send(sent)
        end: Literal["FIN", "RST"] = "FIN"
        try:
            await client.read_until()
        except ConnectionResetError:
            end = "RST"
        head, _, body = client.received.partition(b"\r\n\r\n")
        return Outcome(head, body, end)
