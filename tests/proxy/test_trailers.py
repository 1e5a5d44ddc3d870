"""Trailer fields are passed on to a client that accepts them (RFC 9110, section 6.5)."""

import asyncio
import socket

import pytest

from support.answers import body
from support.passing import CLOSE, DATE, lines, pass_on
from support.rawserver import RawServer
from support.rawsocket import connect, until_end
from support.relaying import CHUNKED_HEAD, StartRelay, chunk
from support.requests import GET, get

TE = b"TE: trailers"
HEAD = CHUNKED_HEAD.replace(b"\r\n\r\n", b"\r\nTrailer: X-Sum\r\n" + DATE + b"\r\n\r\n")
TRAILERS = b"0\r\nX-Sum: 1\r\nServer-Timing:\tdb;dur=53 \r\nX-Sum: caf\xc3\xa9\r\nX-Empty:\r\n\r\n"
ANSWER = HEAD + chunk(b"hello") + TRAILERS

ASKED = {
    "said": (TE,),
    "said among others": (b"TE: gzip, trailers",),
    "said, and named by Connection": (TE, b"Connection: te"),
    "said in a second line": (b"TE: gzip", TE),
}


@pytest.mark.parametrize("fields", ASKED.values(), ids=ASKED)
async def test_they_reach_a_client_that_accepts_them(
    fields: tuple[bytes, ...], relay: StartRelay, upstream: RawServer
) -> None:
    """In order, repeated ones too; and the head announces those that were announced."""
    passed = await pass_on(await relay(), upstream, get(b"/", *fields, CLOSE), ANSWER)
    assert b"trailer: X-Sum" in lines(passed.down)
    assert body(passed.down) == (
        b"5\r\nhello\r\n"
        b"0\r\nx-sum: 1\r\nserver-timing: db;dur=53\r\nx-sum: caf\xc3\xa9\r\nx-empty: \r\n\r\n"
    )


async def test_they_need_not_be_announced(relay: StartRelay, upstream: RawServer) -> None:
    answer = CHUNKED_HEAD + b"0\r\nX-Sum: 1\r\n\r\n"
    passed = await pass_on(await relay(), upstream, get(b"/", TE, CLOSE), answer)
    assert body(passed.down) == b"0\r\nx-sum: 1\r\n\r\n"
    assert b"trailer:" not in passed.down


NOT_ASKED = {
    "nothing said": (),
    "another coding": (b"TE: gzip",),
    "another word": (b"TE: trailer",),
}


@pytest.mark.parametrize("fields", NOT_ASKED.values(), ids=NOT_ASKED)
async def test_they_are_dropped_for_a_client_that_does_not_accept_them(
    fields: tuple[bytes, ...], relay: StartRelay, upstream: RawServer
) -> None:
    """They are not announced either. The body is complete."""
    passed = await pass_on(await relay(), upstream, get(b"/", *fields, CLOSE), ANSWER)
    assert body(passed.down) == b"5\r\nhello\r\n0\r\n\r\n"
    assert b"trailer:" not in passed.down


async def test_a_client_of_http_1_0_gets_none(relay: StartRelay, upstream: RawServer) -> None:
    """None are announced, whatever it sends in TE."""
    sent = b"GET / HTTP/1.0\r\nTE: trailers\r\n\r\n"
    passed = await pass_on(await relay(), upstream, sent, ANSWER)
    assert body(passed.down) == b"hello"
    assert b"trailer:" not in passed.down


async def test_they_come_with_the_last_piece_or_later(
    relay: StartRelay, upstream: RawServer
) -> None:
    """No part of them is taken for the body, however the network cuts them."""
    async with connect((await relay()).port) as client:
        await client.send(get(b"/", TE, CLOSE))
        peer = await upstream.asked()
        await peer.send(HEAD + chunk(b"hello"))
        await client.read_until(b"hello\r\n")
        peer.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in TRAILERS:
            await peer.send(bytes([byte]))
            await asyncio.sleep(0)
        received = await client.read_until()
    assert body(received).startswith(b"5\r\nhello\r\n0\r\nx-sum: 1\r\nserver-timing: ")


FORBIDDEN = [
    *(b"Content-Length: 5", b"Transfer-Encoding: chunked", b"Connection: close", b"Host: b"),
    *(b"Set-Cookie: a=1", b"Authorization : 1", b"TRAILER: X"),
    b"content-type: text/html\r\n folded",
]
"""A sample: the decoder's tests have all of them."""


async def test_forbidden_ones_are_dropped(relay: StartRelay, upstream: RawServer) -> None:
    """The response is complete, and the others are passed on (RFC 9110, section 6.5.1)."""
    last = b"0\r\nX-Sum : 1\r\n" + b"\r\n".join([*FORBIDDEN, b"X: y", b" z", b"", b""])
    answer = HEAD + chunk(b"hello") + last
    passed = await pass_on(await relay(), upstream, get(b"/", TE, CLOSE), answer)
    assert body(passed.down) == b"5\r\nhello\r\n0\r\nx-sum: 1\r\nx: y z\r\n\r\n"


MALFORMED = [
    *(b"X Sum: 1", b"X-Sum", b": 1", b"X: \0", b"X: 1\nY: 2", b"X: 1\rY: 2"),
    b"X: " + b"y" * 9000,
]


@pytest.mark.parametrize("asked", [True, False], ids=["asked for", "not asked for"])
@pytest.mark.parametrize("line", MALFORMED, ids=lambda line: ascii(line[:30]))
async def test_malformed_ones_cut_the_answer(
    line: bytes, asked: bool, relay: StartRelay, upstream: RawServer
) -> None:
    """Whether or not they are passed on: the message is malformed."""
    server = await relay()
    async with connect(server.port) as client:
        await client.send(get(b"/", *[TE] * asked))
        peer = await upstream.asked()
        await peer.send(HEAD + chunk(b"hello"))
        await client.read_until(b"hello\r\n")
        await peer.send(b"0\r\nX-Sum: 1\r\n" + line + b"\r\n\r\n")
        received = await client.read_until()
        await until_end(peer)
    assert body(received) == b"5\r\nhello\r\n"
    assert [exchange.outcome for exchange in server.ended] == ["truncated"]


async def test_trailers_of_a_request_are_dropped(relay: StartRelay, upstream: RawServer) -> None:
    """No upstream announced that it accepts any (RFC 9110, section 6.5.1)."""
    sent = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n"
    passed = await pass_on(
        await relay(),
        upstream,
        sent + CLOSE + b"\r\n\r\n",
        rest=b"5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n",
        body=b"0\r\n\r\n",
    )
    assert passed.up.endswith(b"\r\n\r\n5\r\nhello\r\n0\r\n\r\n")
    assert b"trailer" not in passed.up.lower()


async def test_the_next_answer_is_in_step(relay: StartRelay, upstream: RawServer) -> None:
    async with connect((await relay()).port) as client:
        await client.send(get(b"/", TE))
        peer = await upstream.asked()
        await peer.send(ANSWER)
        await client.read_until(b"x-empty: \r\n\r\n")
        await client.send(GET)
        await peer.read_until(lambda got: got.count(b"\r\n\r\n") == 2)
        await peer.send(ANSWER)
        assert (await client.read_until(b"\r\n0\r\n\r\n")).count(b"x-sum: 1") == 1
