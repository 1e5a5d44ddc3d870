"""Clients that mean harm: too slow, without end, or not speaking HTTP at all.

Each is let go of by the server itself, within its deadlines and limits, and leaves nothing.
"""

import asyncio
import random
import ssl

import pytest

from conformance.cases import chunked, field, length
from conformance.hostility import send_for_ever, unharmed
from conformance.talking import Echo, check_refusal, read_answer, read_answers
from streamserver.kit.request import Request
from streamserver.kit.response import Response
from support.inprocess import Serve
from support.rawsocket import connect, raw
from support.requests import LAST

POST = b"POST / HTTP/1.1\r\nHost: a\r\n"

SLOW_HEADS = {
    "a request line": (b"GET /", b"a"),
    "a field": (b"GET / HTTP/1.1\r\nHost: a\r\nX: ", b"y"),
    "many fields": (b"GET / HTTP/1.1\r\nHost: a\r\n", b"X: y\r\n"),
    "a second request": (field(b"X: y") + b"GET /", b"a"),
}


@pytest.mark.parametrize(("start", "piece"), SLOW_HEADS.values(), ids=SLOW_HEADS)
async def test_a_head_that_trickles_in(start: bytes, piece: bytes, serve: Serve) -> None:
    """The time for a head runs from its first byte, whatever comes later (RFC 9110, 15.5.9)."""
    server = await serve(Echo(), head_timeout=0.2)
    async with unharmed(server), connect(server.port) as client:
        await client.send(start)
        await send_for_ever(client, piece, pause=0.01)
        *_, answer = read_answers(client.received, ["GET"] * (1 + start.count(b"\r\n\r\n")))
        check_refusal(answer, [408])


@pytest.mark.parametrize("pieces", [(b"\r\n",), (b"\r", b"\n")], ids=["whole", "by halves"])
async def test_empty_lines_that_trickle_in(pieces: tuple[bytes, ...], serve: Serve) -> None:
    """A client that sends nothing but line ends is no better than one that sends nothing."""
    server = await serve(Echo(), head_timeout=0.2, keep_alive=0.2)
    async with unharmed(server), connect(server.port) as client:
        await send_for_ever(client, *pieces, pause=0.01)


async def test_a_client_that_says_nothing(serve: Serve) -> None:
    """It is closed when the time for idle connections is over, without an answer."""
    server = await serve(Echo(), keep_alive=0.1)
    async with unharmed(server):
        assert await raw(server.port, b"") == b""


@pytest.mark.parametrize(
    "request_",
    [length(b"10"), chunked(b"5\r\nhello\r\n"), chunked(b"5\r\nhel"), chunked(b"0\r\nX: y")],
    ids=["length", "between chunks", "inside a chunk", "inside the trailers"],
)
async def test_a_body_that_stops(request_: bytes, serve: Serve) -> None:
    """The client is told that it was too slow."""
    server = await serve(Echo(), body_timeout=0.1)
    async with unharmed(server):
        [answer] = read_answers(await raw(server.port, request_), ["POST"])
        check_refusal(answer, [408])


ENDLESS = {
    "method": (b"", b"G" * 1000, (400, 414, 431, 501)),
    "target": (b"GET /", b"a" * 1000, (414,)),
    "version": (b"GET / HTTP/", b"1" * 1000, (400, 414, 431, 505)),
    "field name": (POST, b"X" * 1000, (431,)),
    "field value": (POST + b"X: ", b"y" * 1000, (431,)),
    "field lines": (POST, b"X: one\r\n" * 100, (431,)),
    "body": (POST + b"Content-Length: 999999999999\r\n\r\n", b"x" * 1000, (413,)),
    "chunked body": (chunked(b""), b"3e8\r\n" + b"x" * 1000 + b"\r\n", (413,)),
    "chunk": (chunked(b"ffffffffffff\r\n"), b"x" * 1000, (413,)),
    "chunks of one byte": (chunked(b""), b"1\r\nx\r\n" * 100, (413,)),
    "chunk size": (chunked(b""), b"0" * 1000, (400,)),
    "chunk extension": (chunked(b"5;a="), b"b" * 1000, (400,)),
    "chunk extensions": (chunked(b""), b"1;a=bcdefgh\r\nx\r\n" * 100, (400,)),
    "trailer": (chunked(b"0\r\nX: "), b"y" * 1000, (400, 431)),
    "trailers": (chunked(b"0\r\n"), b"X: one\r\n" * 100, (400, 431)),
}


@pytest.mark.parametrize(("start", "piece", "statuses"), ENDLESS.values(), ids=ENDLESS)
async def test_an_element_without_end(
    start: bytes, piece: bytes, statuses: tuple[int, ...], serve: Serve
) -> None:
    """Refused at its limit, while the client is still sending it."""
    server = await serve(Echo(), max_body=10_000)
    async with unharmed(server), connect(server.port) as client:
        await client.send(start)
        await send_for_ever(client, piece)
        [answer] = read_answers(client.received, ["POST"])
        check_refusal(answer, statuses)


@pytest.mark.parametrize("start", [chunked(b""), length(b"9" * 12)], ids=["chunked", "length"])
async def test_a_body_without_end_that_nobody_reads(start: bytes, serve: Serve) -> None:
    """It is answered; then the connection is closed, however much there may be to come."""
    server = await serve(Echo(), linger=0.1)
    request_ = start.replace(b"POST / ", b"POST /unread ")
    async with unharmed(server), connect(server.port) as client:
        await client.send(request_)
        await send_for_ever(client, b"3e8\r\n" + b"x" * 1000 + b"\r\n", enough=1 << 30)
        [answer] = read_answers(client.received, ["POST"])
        assert answer.status == 200


def client_hello() -> bytes:
    """The first bytes of a TLS client."""
    context = ssl.create_default_context()
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context.wrap_bio(incoming, outgoing, server_hostname="a.example")
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()


NOT_HTTP = {
    "TLS": client_hello(),
    "the PROXY protocol, version 2": b"\r\n\r\n\0\r\nQUIT\n!\x11\0\x0c" + bytes(12),
    "SMB": b"\0\0\0\x2f\xffSMBr" + bytes(32),
    "SSH": b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
    "SMTP": b"EHLO a\r\n\r\n",
    "a Redis command": b"*1\r\n$4\r\nPING\r\n\r\n",
    "UTF-16": "GET / HTTP/1.1\r\nHost: a\r\n\r\n".encode("utf-16"),
    "zeros": bytes(1000),
    "ones": b"\xff" * 1000 + b"\r\n\r\n",
    "noise": random.Random(1).randbytes(256),
    "much noise": random.Random(2).randbytes(1 << 20),
}


@pytest.mark.parametrize("data", NOT_HTTP.values(), ids=NOT_HTTP)
async def test_what_is_not_http(data: bytes, serve: Serve) -> None:
    """Refused at once, not when the time for a head is over."""
    echo = Echo()
    server = await serve(echo)
    async with unharmed(server):
        [answer] = read_answers(await raw(server.port, data), ["POST"])
        check_refusal(answer, [400, 414, 431])
        assert echo.ran == []


def mutant(chance: random.Random, data: bytes) -> bytes:
    """The data with a few bytes changed, lost, repeated or made up."""
    for _ in range(chance.randint(1, 3)):
        at, size = chance.randrange(len(data)), chance.randint(1, 4)
        made_up = bytes(chance.choices(b"\r\n\t :;,/*0159aGxX\0\x7f\xff", k=size))
        replacement = chance.choice([b"", made_up, data[at : at + size] * 2])
        data = data[:at] + replacement + data[at + chance.randint(0, size) :]
    return data


async def test_mutants(serve: Serve) -> None:
    """Requests with a few wrong bytes: every answer is well-formed, and none is a 500."""
    server = await serve(Echo(), head_timeout=0.3, body_timeout=0.3, keep_alive=0.3)
    chance = random.Random(3)
    sound = field(b"X: y") + length(b"5") + chunked(b"2;a=b\r\nhe\r\n3\r\nllo\r\n0\r\nX: y\r\n\r\n")

    async def talk(data: bytes) -> None:
        received = await raw(server.port, data)
        status = 0
        while received:
            answer, received = read_answer(received, "GET")
            assert status in (0, 200), f"an answer after a refusal to {data!r}"
            status = answer.status
            assert status in (200, 400, 408, 413, 417, 501, 505), f"{answer} to {data!r}"

    async with unharmed(server):
        await asyncio.gather(*[talk(mutant(chance, sound) + LAST) for _ in range(200)])


async def test_a_client_that_half_closes_has_gone(serve: Serve) -> None:
    """Nothing tells it from one that left, so its handler ends where it waits."""
    ends: list[str] = []

    async def wait(request: Request) -> Response:
        if request.target == "/last":
            return Response()
        try:
            await asyncio.Event().wait()
        finally:
            ends.append(request.target)
        return Response()

    server = await serve(wait)
    async with unharmed(server):
        assert await raw(server.port, b"GET /wait HTTP/1.1\r\nHost: a\r\n\r\n", eof=True) == b""
        assert ends == ["/wait"]
