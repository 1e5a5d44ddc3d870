"""The two ends of a conformance test: a handler that tells what it was given, and a client.

The client sends its bytes in pieces of its own choosing and reads to the end; then h11, which
is no part of how we write, reads the answers. So a response that is framed wrongly fails here
even where its words are right.
"""

import asyncio
import json
import re
import socket
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import h11

from streamserver.kit.request import Request
from streamserver.kit.response import Response, TextStream
from support.cutting import in_pieces
from support.rawsocket import RawClient, connect

IMF_FIXDATE = re.compile(
    r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
    r" \d{4} \d\d:\d\d:\d\d GMT"
)


@dataclass(slots=True)
class Answer:
    """One final response, and the interim ones before it."""

    status: int
    fields: dict[str, str]
    body: bytes
    interim: tuple[int, ...]

    def json(self) -> Any:
        """The body's value."""
        return json.loads(self.body)


class Echo:
    """A handler that answers with what it was given; ``ran`` keeps ``METHOD target`` of each."""

    def __init__(self) -> None:
        self.ran: list[str] = []

    async def __call__(self, request: Request) -> Response:
        self.ran.append(f"{request.method} {request.target}")
        if request.target == "/slow":
            for _ in range(50):
                await asyncio.sleep(0)
        body = b"" if request.target == "/unread" else await request.body()
        seen = {
            "method": request.method,
            "target": request.target,
            "host": request.headers.get("host"),
            "body": body.decode("latin-1"),
            "fields": request.headers.items(),
        }
        if request.target == "/stream":
            return TextStream(_in_pieces(json.dumps(seen)))
        return Response.json(seen)


async def _in_pieces(text: str) -> AsyncIterator[str]:
    for at in range(0, len(text), 20):
        await asyncio.sleep(0)
        yield text[at : at + 20]


def _joined(pieces: Sequence[bytes]) -> list[bytes]:
    size = 1 + len(pieces) // MOST_PIECES
    return [b"".join(pieces[at : at + size]) for at in range(0, len(pieces), size)]


MOST_PIECES = 200
"""Longer requests are cut in larger pieces, for the sake of time."""

CUTS: dict[str, Callable[[bytes], list[bytes]]] = {
    "whole": lambda data: [data],
    "line by line": lambda data: _joined(data.splitlines(keepends=True)),
    "byte by byte": lambda data: _joined(in_pieces(data, 1)),
}
"""The ways to cut what is sent: the network may choose any."""


async def send(client: RawClient, pieces: Iterable[bytes]) -> None:
    """Send the pieces, so that the server, in this loop, reads each of them alone."""
    client.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for piece in pieces:
        await client.send(piece)
        # One turn for the selector to see the piece, one for the server to read it.
        await asyncio.sleep(0)
        await asyncio.sleep(0)


async def talk(port: int, pieces: Iterable[bytes]) -> bytes:
    """Send the pieces on a connection of their own; what came back until the server ended it."""
    async with asyncio.timeout(10), connect(port) as client:
        await send(client, pieces)
        return await client.read_until()


def read_answers(received: bytes, methods: Sequence[str]) -> list[Answer]:
    """The answers to requests of these methods; there must be just as many, and all well-formed."""
    answers = []
    for method in methods:
        answer, received = read_answer(received, method)
        answers.append(answer)
    assert received == b"", f"after {[answer.status for answer in answers]} came {received!r}"
    return answers


def read_answer(received: bytes, method: str) -> tuple[Answer, bytes]:
    """The first answer, which is one to a request of this method, and what follows it."""
    connection = h11.Connection(h11.CLIENT)
    connection.send(h11.Request(method=method, target="/", headers=[("Host", "a")]))
    connection.send(h11.EndOfMessage())
    connection.receive_data(received)
    connection.receive_data(b"")
    head, body, interim = None, b"", []
    while not isinstance(event := connection.next_event(), h11.EndOfMessage):
        if isinstance(event, h11.InformationalResponse):
            interim.append(event.status_code)
        elif isinstance(event, h11.Response):
            head = event
        elif isinstance(event, h11.Data):
            body += event.data
        else:
            raise AssertionError(f"{event!r} instead of an answer to {method}")
    assert head is not None
    fields = {name.decode("latin-1"): value.decode("latin-1") for name, value in head.headers}
    return Answer(head.status_code, fields, body, tuple(interim)), connection.trailing_data[0]


def check_sound(answer: Answer) -> None:
    """What holds for every answer: it tells the time (RFC 9110, section 6.6.1)."""
    assert IMF_FIXDATE.fullmatch(answer.fields["date"])


def check_refusal(answer: Answer, statuses: Iterable[int]) -> None:
    """What holds for every refusal: whole, dated, explained, and the connection's last answer."""
    assert answer.status in statuses, answer
    assert answer.interim == ()
    check_sound(answer)
    assert answer.fields["connection"] == "close"
    assert answer.fields["content-length"] == str(len(answer.body))
    assert answer.fields["content-type"] == "application/problem+json"
    assert answer.json()["status"] == answer.status
