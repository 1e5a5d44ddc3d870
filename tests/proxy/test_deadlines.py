"""The deadlines of a relay: each runs for its own wait only.

A deadline that has to pass is awaited. For one that must not pass, the test waits longer than the
deadline.
"""

import asyncio
import contextlib
import ssl
from typing import Any

import pytest

from streamserver.proxy.settings import Timeouts
from streamserver.server.phase import Outcome
from support.problems import problem
from support.rawsocket import RawClient, until_end
from support.relaying import CHUNKED_HEAD, LAST_CHUNK, chunk, ok
from support.requests import GET, chunked, get, post
from support.stage import Stage, staged
from support.upstreams import full_backlog, send_until_blocked

SOON = 0.05
"""A deadline that has to pass."""
PROMPT = 0.25
"""A deadline that must not pass, also on a busy machine."""
LONG = 1.2 * PROMPT
"""Longer than either."""
LATE_CONNECT = (504, "the upstream did not accept a connection in time")
LATE_HEAD = (504, "the upstream did not respond in time")
LATE_END = (504, "the upstream took too long")


def only(**deadline: float) -> Timeouts:
    """This deadline only."""
    return Timeouts(**{"connect": 0.0, "first_byte": 0.0, "gap": 0.0, **deadline})


def all_but(name: str) -> Timeouts:
    """All deadlines but this one, which is off."""
    short: dict[str, Any] = dict.fromkeys(("connect", "first_byte", "gap"), PROMPT)
    return Timeouts(**short | {name: 0.0})


async def is_cut(at: Stage, client: RawClient, peer: RawClient) -> None:
    """Both connections end, and the client's without the end of the framing."""
    await until_end(peer)
    with contextlib.suppress(ConnectionResetError):
        await client.read_until()
    assert not client.received.endswith(LAST_CHUNK)
    assert [exchange.outcome for exchange in at.server.ended] == [Outcome.TRUNCATED]


# --- before the head ----------------------------------------------------------------------------


async def test_a_connection_that_is_not_accepted_in_time() -> None:
    with full_backlog() as port:
        async with staged(port=port, timeouts=only(connect=SOON)) as at:
            assert await problem(await at.begin(GET)) == LATE_CONNECT


async def test_a_handshake_that_is_not_complete_in_time() -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    async with staged("https", tls=tls, timeouts=only(connect=SOON)) as at:
        client = await at.begin(GET)
        assert await problem(client) == LATE_CONNECT
        await until_end(await at.upstream.accept())


@pytest.mark.parametrize(
    "sent",
    [GET, post(b"body"), chunked(b"body")],
    ids=["no body", "a body", "a body in chunks"],
)
async def test_a_head_that_does_not_arrive_in_time(sent: bytes) -> None:
    async with staged(timeouts=only(first_byte=SOON)) as at:
        client = await at.begin(sent)
        assert await problem(client) == LATE_HEAD
        await until_end(await at.upstream.accept())
        await client.send(GET)
        peer = await at.upstream.asked()
        await peer.send(ok(b"in time"))
        await client.read_until(b"in time")


async def test_half_a_head_is_no_head() -> None:
    async with staged(timeouts=only(first_byte=SOON)) as at:
        client, peer = await at.ask()
        await peer.send(CHUNKED_HEAD[:-2])
        assert await problem(client) == LATE_HEAD
        await until_end(peer)


async def test_an_upstream_that_takes_nothing_of_a_body_is_late_too() -> None:
    async with staged(timeouts=only(first_byte=SOON), max_body=None) as at:
        client = await at.begin(post(b"", length=10**9))
        peer = await at.upstream.asked()
        sending = asyncio.create_task(client.send(bytes(1 << 25)))
        assert await problem(client) == LATE_HEAD
        await until_end(peer)
        sending.cancel()
        await asyncio.wait([sending])


async def test_a_client_that_uploads_slowly_does_not_make_the_upstream_late() -> None:
    async with staged(timeouts=all_but("gap")) as at:
        client = await at.begin(post(b"ab", length=4))
        peer = await at.upstream.asked()
        await asyncio.sleep(LONG)
        await client.send(b"c")
        await asyncio.sleep(LONG)
        await client.send(b"d")
        await peer.read_until(b"abcd")
        await peer.send(ok(b"in time"))
        await client.read_until(b"in time")


async def test_nor_does_one_that_sends_its_body_without_a_100() -> None:
    """A client need not wait for a 100 for long (RFC 9110, section 10.1.1)."""
    async with staged(timeouts=all_but("gap")) as at:
        client = await at.begin(post(b"", length=4, fields=[b"Expect: 100-continue"]))
        peer = await at.upstream.asked()
        await client.send(b"ab")
        await peer.read_until(b"ab")
        await asyncio.sleep(LONG)
        await client.send(b"cd")
        await peer.read_until(b"abcd")
        await peer.send(ok(b"in time"))
        await client.read_until(b"in time")


@pytest.mark.parametrize("accepts", [True, False])
async def test_a_total_before_the_head(accepts: bool) -> None:
    """In each phase, also without a connection."""
    with full_backlog() as port:
        async with staged(port=0 if accepts else port, timeouts=only(total=SOON)) as at:
            client = await at.begin(GET)
            assert await problem(client) == LATE_END
            if accepts:
                await until_end(await at.upstream.accept())


# --- after the head -----------------------------------------------------------------------------


@pytest.mark.parametrize("sent", [b"", chunk(b"piece")], ids=["no piece", "a piece"])
async def test_a_gap_that_is_too_long_cuts_the_answer(sent: bytes) -> None:
    async with staged(timeouts=only(gap=SOON)) as at:
        client, peer = await at.ask()
        await peer.send(CHUNKED_HEAD + sent)
        await is_cut(at, client, peer)
        assert sent in client.received


async def test_a_total_cuts_a_response_that_still_streams() -> None:
    async with staged(timeouts=only(total=PROMPT)) as at:
        client, peer = await at.ask()
        await peer.send(CHUNKED_HEAD)
        cut = asyncio.create_task(is_cut(at, client, peer))
        with contextlib.suppress(ConnectionError):
            while not cut.done():
                await peer.send(chunk(b"piece"))
                await asyncio.sleep(SOON / 10)
        await cut


async def test_many_short_gaps_are_no_long_one() -> None:
    async with staged(timeouts=only(gap=PROMPT)) as at:
        client, peer = await at.ask()
        await peer.send(CHUNKED_HEAD)
        for number in range(10):
            await asyncio.sleep(PROMPT / 5)
            await peer.send(chunk(b"piece %d" % number))
        await peer.send(LAST_CHUNK)
        await client.read_until(LAST_CHUNK)


async def test_a_client_that_reads_slowly_is_no_gap_of_the_upstream() -> None:
    size = 1 << 25
    async with staged(timeouts=only(gap=PROMPT)) as at:
        client, peer = await at.ask()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        sending = asyncio.create_task(peer.send(bytes(size)))
        await asyncio.sleep(LONG)
        assert not sending.done()  # the client reads nothing, and so the relay does not either
        assert not at.server.ended
        left = size
        while left > 0:
            left -= len(await asyncio.get_running_loop().sock_recv(client.sock, 1 << 20))
        await sending
        await at.has_ended(1)
    assert [exchange.outcome for exchange in at.server.ended] == [Outcome.COMPLETE]


async def test_the_gap_begins_when_the_client_reads_again() -> None:
    async with staged(timeouts=only(gap=PROMPT)) as at:
        client, peer = await at.ask()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 999999999999\r\n\r\n")
        await send_until_blocked(peer)
        await asyncio.sleep(LONG)
        assert not at.server.ended
        await until_end(client)
        assert [exchange.outcome for exchange in at.server.ended] == [Outcome.TRUNCATED]


# --- each on its own ----------------------------------------------------------------------------


async def test_a_deadline_that_is_off_never_passes_before_the_head() -> None:
    async with staged(timeouts=all_but("first_byte")) as at:
        client, peer = await at.ask()
        await asyncio.sleep(LONG)
        await peer.send(ok(b"in time"))
        await client.read_until(b"in time")


async def test_a_deadline_that_is_off_never_passes_in_a_gap() -> None:
    async with staged(timeouts=all_but("gap")) as at:
        client, peer = await at.ask()
        await peer.send(CHUNKED_HEAD + chunk(b"piece"))
        await asyncio.sleep(LONG)
        await peer.send(LAST_CHUNK)
        await client.read_until(LAST_CHUNK)


async def test_a_deadline_that_is_off_never_passes_before_a_connection() -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    async with staged("https", tls=tls, timeouts=all_but("connect")) as at:
        client = await at.begin(GET)
        peer = await at.upstream.accept()
        await asyncio.sleep(LONG)
        peer.reset()
        assert (await problem(client))[0] == 502


async def test_after_the_end_no_deadline_is_left() -> None:
    """No deadline of the first exchange ends the second, on the same two connections."""
    async with staged(timeouts=Timeouts(first_byte=PROMPT, gap=PROMPT, total=PROMPT)) as at:
        client, peer = await at.ask()
        await peer.send(ok(b"first"))
        await client.read_until(b"first")
        await asyncio.sleep(LONG)
        await client.send(get(b"/second"))
        await peer.read_until(b"/second ")
        await peer.send(ok(b"second"))
        await client.read_until(b"second")
    assert [exchange.outcome for exchange in at.server.ended] == [Outcome.COMPLETE] * 2


@pytest.mark.parametrize("name", ["connect", "first_byte", "gap", "total"])
def test_a_negative_deadline_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} must be 0 or more, not -1"):
        Timeouts(**{name: -1})
