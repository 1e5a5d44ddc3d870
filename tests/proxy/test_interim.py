"""Interim responses are passed on to clients that know them (RFC 9110, section 15.2)."""

import contextlib

import pytest

from support.answers import body, detail, statuses
from support.passing import LAST_GET, VIA, lines, pass_on
from support.rawserver import RawServer
from support.rawsocket import connect, until_end
from support.relaying import StartRelay, ok
from support.requests import GET, OLD, post

HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\nLink: </b.js>\r\n\r\n"
PROCESSING = b"HTTP/1.1 102 Processing\r\n\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
EXPECT = b"Expect: 100-continue"


def heads(received: bytes) -> list[list[bytes]]:
    """The lines of all heads in it, none of which has a body."""
    return [lines(head) for head in received.split(b"\r\n\r\n") if head]


async def test_a_hint_is_there_before_the_answer(relay: StartRelay, upstream: RawServer) -> None:
    """RFC 8297."""
    async with connect((await relay()).port) as client:
        await client.send(LAST_GET)
        peer = await upstream.asked()
        await peer.send(HINTS)
        assert lines(await client.read_until(b"\r\n\r\n")) == [
            *(b"HTTP/1.1 103 Early Hints", b"link: </a.css>; rel=preload", b"link: </b.js>", VIA)
        ]
        await peer.send(ok(b"hello"))
        received = await client.read_until()
    assert statuses(received) == [103, 200]
    assert received.endswith(b"\r\n\r\nhello")


SEQUENCES = {
    "several": (PROCESSING + HINTS + PROCESSING, [102, 103, 102]),
    "one that nobody knows": (b"HTTP/1.1 199 Whatever\r\n\r\n", [199]),
    "a 100 that was not asked for": (CONTINUE + HINTS + CONTINUE, [103]),
    "of HTTP/1.0": (b"HTTP/1.0 103 Early Hints\r\n\r\n", [103]),
}


@pytest.mark.parametrize(("interim", "expected"), SEQUENCES.values(), ids=SEQUENCES)
async def test_all_are_passed_on_in_order(
    interim: bytes, expected: list[int], relay: StartRelay, upstream: RawServer
) -> None:
    """Also in one piece with the answer."""
    passed = await pass_on(await relay(), upstream, LAST_GET, interim + ok())
    assert statuses(passed.down) == [*expected, 200]


async def test_a_client_of_http_1_0_gets_none(relay: StartRelay, upstream: RawServer) -> None:
    """It would take the first for the final response."""
    passed = await pass_on(await relay(), upstream, OLD, HINTS + PROCESSING + ok(b"hello"))
    assert statuses(passed.down) == [200]


async def test_fields_about_one_connection_are_removed(
    relay: StartRelay, upstream: RawServer
) -> None:
    """So is the framing, because an interim response has no body (RFC 9110, section 8.6)."""
    interim = (
        b"HTTP/1.1 103 Early Hints\r\nConnection: X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\n"
        b"Upgrade: h2c\r\nContent-Length: 5\r\nLink: </a.css>\r\n\r\n"
    )
    passed = await pass_on(await relay(), upstream, LAST_GET, interim + ok())
    assert heads(passed.down)[0] == [b"HTTP/1.1 103 Early Hints", b"link: </a.css>", VIA]


MALFORMED = {
    "101 that nobody asked for": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n",
    "101 that says nothing": b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
    "a hint without an end": b"HTTP/1.1 103 Early Hints\r\nLink: <" + b"a" * 70_000,
    "a broken hint": b"HTTP/1.1 103 Early Hints\r\nLink\r\n\r\n",
    "a split hint": b"HTTP/1.1 103 Early Hints\r\nLink: <a>\n\r\n\r\n",
    "a flood": PROCESSING * 17,
    "a flood of what is not passed on": CONTINUE * 17,
    "nothing else": PROCESSING * 1000,
}


@pytest.mark.parametrize("interim", MALFORMED.values(), ids=MALFORMED)
async def test_what_is_wrong_is_a_502(
    interim: bytes, relay: StartRelay, upstream: RawServer
) -> None:
    """Until a final head was sent, a status can report it."""
    async with connect((await relay()).port) as client:
        await client.send(LAST_GET)
        peer = await upstream.asked()
        await peer.send(interim)
        received = await client.read_until()
        await until_end(peer)
    *before, last = statuses(received)
    assert last == 502
    assert set(before) <= {102}
    assert len(before) <= 16
    assert detail(received).startswith("the upstream's response is broken")


async def test_sixteen_are_no_flood(relay: StartRelay, upstream: RawServer) -> None:
    passed = await pass_on(await relay(), upstream, LAST_GET, PROCESSING * 16 + ok())
    assert statuses(passed.down) == [102] * 16 + [200]


async def test_a_client_may_leave_upon_a_hint(relay: StartRelay, upstream: RawServer) -> None:
    """Later ones are dropped without an error."""
    server = await relay()
    async with connect(server.port) as client:
        await client.send(GET)
        peer = await upstream.asked()
        await peer.send(HINTS)
        await client.read_until(b"103 Early Hints")
    with contextlib.suppress(ConnectionError):
        await peer.send(HINTS + PROCESSING + ok())
    await until_end(peer)
    assert [exchange.outcome for exchange in server.ended] == ["client_gone"]
    passed = await pass_on(server, upstream, LAST_GET)
    assert statuses(passed.down) == [200]


# 100: for a client that waits for it


async def test_a_100_reaches_a_client_that_waits_for_it(
    relay: StartRelay, upstream: RawServer
) -> None:
    """The expectation is passed on, then the 100, then the body."""
    async with connect((await relay(forwarded="off")).port) as client:
        await client.send(post(b"", length=5, fields=[EXPECT, b"Connection: close"]))
        peer = await upstream.asked()
        assert b"expect: 100-continue" in lines(peer.received)
        assert client.received == b""
        await peer.send(CONTINUE)
        assert await client.read_until(b"\r\n\r\n") == CONTINUE
        await client.send(b"hello")
        await peer.read_until(b"\r\n\r\nhello")
        await peer.send(ok(b"thanks"))
        assert statuses(await client.read_until()) == [100, 200]


async def test_a_second_100_is_not_passed_on(relay: StartRelay, upstream: RawServer) -> None:
    """The client waits for one."""
    async with connect((await relay()).port) as client:
        await client.send(post(b"", length=5, fields=[EXPECT, b"Connection: close"]))
        peer = await upstream.asked()
        await peer.send(CONTINUE + CONTINUE + HINTS)
        await client.read_until(b"103 Early Hints")
        await client.send(b"hello")
        await peer.read_until(b"\r\n\r\nhello")
        await peer.send(CONTINUE + ok())
        assert statuses(await client.read_until()) == [100, 103, 200]


async def test_a_refusal_comes_instead_of_a_100(relay: StartRelay, upstream: RawServer) -> None:
    """The body is then never sent, and neither connection can be reused."""
    async with connect((await relay()).port) as client:
        await client.send(post(b"", length=5, fields=[EXPECT]))
        peer = await upstream.asked()
        await peer.send(ok(b"no").replace(b"200 OK", b"403 Forbidden"))
        received = await client.read_until()
        assert statuses(received) == [403]
        assert body(received) == b"no"
        assert b"connection: close" in lines(received)
        await until_end(peer)


async def test_a_body_that_is_here_expects_nothing(relay: StartRelay, upstream: RawServer) -> None:
    """A client that did not wait gets no 100 (RFC 9110, section 10.1.1)."""
    sent = post(b"hello", fields=[EXPECT, b"Connection: close"])
    passed = await pass_on(await relay(forwarded="off"), upstream, sent, CONTINUE + ok())
    assert passed.fields == [b"content-length: 5", VIA]
    assert statuses(passed.down) == [200]


async def test_an_expectation_of_http_1_0_is_none(relay: StartRelay, upstream: RawServer) -> None:
    sent = b"POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"
    passed = await pass_on(
        await relay(forwarded="off"), upstream, sent, CONTINUE + ok(), rest=b"hello", body=b"hello"
    )
    assert passed.fields == [b"content-length: 5", b"via: 1.0 streamserver"]
    assert statuses(passed.down) == [200]


async def test_no_interim_answer_belongs_to_another_request(
    relay: StartRelay, upstream: RawServer
) -> None:
    """The count starts again with each request on a connection."""
    async with connect((await relay()).port) as client:
        await client.send(GET)
        peer = await upstream.asked()
        await peer.send(PROCESSING * 16 + ok(b"one"))
        await client.read_until(b"\r\n\r\none")
        await client.send(LAST_GET)
        await peer.read_until(lambda got: got.count(b"\r\n\r\n") == 2)
        await peer.send(PROCESSING * 16 + ok(b"two"))
        assert statuses(await client.read_until()) == ([102] * 16 + [200]) * 2
