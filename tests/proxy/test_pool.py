"""Connections to an upstream: those that are reused, and those that may not be."""

import pytest

from streamserver.proxy.settings import PoolLimits, Timeouts
from support.rawsocket import RawClient, until_end
from support.relaying import CHUNKED_HEAD, LAST_CHUNK, chunk, ok
from support.requests import GET, chunked, get, post, request
from support.stage import Stage, staged
from support.upstreams import has_caller

HELD = PoolLimits(idle_timeout=60)
"""No idle connection expires while a test runs."""


async def answered(client: RawClient, peer: RawClient, body: bytes) -> None:
    """The upstream responds, and the client receives the whole response."""
    await peer.send(ok(body))
    await client.read_until(body)


async def test_a_connection_serves_one_request_after_the_other() -> None:
    async with staged(pool=HELD) as at:
        client, peer = await at.ask(b"/1")
        await answered(client, peer, b"first")
        await client.send(get(b"/2"))
        await peer.read_until(b"/2 HTTP/1.1\r\n")
        await answered(client, peer, b"second")
        other = await at.begin(get(b"/3"))
        await peer.read_until(b"/3 HTTP/1.1\r\n")
        await answered(other, peer, b"third")
        assert not has_caller(at.upstream)


REUSED = {
    "with a length": (GET, ok(b"body")),
    "in chunks": (GET, CHUNKED_HEAD + chunk(b"body") + LAST_CHUNK),
    "without a body": (GET, b"HTTP/1.1 204 No Content\r\n\r\n"),
    "to HEAD": (request(b"HEAD / HTTP/1.1", b"Host: a"), ok(b"body")[: -len(b"body")]),
    "an error": (GET, ok().replace(b"200 OK", b"500 No")),
    "of 1.0, kept alive": (GET, ok(b"", b"Connection: keep-alive").replace(b"1.1", b"1.0")),
}
NOT_REUSED = {
    "and goodbye": (GET, ok(b"body", b"Connection: close")),
    "of 1.0": (GET, ok(b"body").replace(b"1.1", b"1.0")),
    "and more than asked for": (GET, ok(b"body") + b"H"),
    "and another answer": (GET, ok(b"body") + ok(b"evil")),
    "to HEAD, with a body": (request(b"HEAD / HTTP/1.1", b"Host: a"), ok(b"body")),
    "204 with a body": (GET, b"HTTP/1.1 204 No Content\r\n\r\nbody"),
    "chunks, and more": (GET, CHUNKED_HEAD + LAST_CHUNK + b"\r\n"),
    "before the request is whole": (chunked(b"piece", end=b""), ok(b"body")),
    "malformed": (GET, CHUNKED_HEAD + chunk(b"body") + b"what\r\n"),
}


async def exchange(at: Stage, sent: bytes, answer: bytes) -> RawClient:
    """An exchange that has ended; the upstream's end of its connection."""
    await at.begin(sent)
    peer, count = await at.upstream.asked(), len(at.server.ended)
    await peer.send(answer)
    await at.has_ended(count + 1)
    return peer


@pytest.mark.parametrize(("sent", "answer"), REUSED.values(), ids=REUSED)
async def test_a_response_after_which_the_connection_is_reused(sent: bytes, answer: bytes) -> None:
    async with staged(pool=HELD) as at:
        peer = await exchange(at, sent, answer)
        client = await at.begin(get(b"/next"))
        await peer.read_until(b"/next HTTP/1.1\r\n")
        await answered(client, peer, b"next")


@pytest.mark.parametrize(("sent", "answer"), NOT_REUSED.values(), ids=NOT_REUSED)
async def test_a_response_after_which_the_connection_is_closed(sent: bytes, answer: bytes) -> None:
    async with staged(pool=HELD) as at:
        peer = await exchange(at, sent, answer)
        await until_end(peer)
        client, peer = await at.ask(b"/next")
        await answered(client, peer, b"next")
        assert b"evil" not in client.received


async def two_idle(at: Stage) -> tuple[RawClient, RawClient]:
    """Two idle connections of the pool, the older one first."""
    pairs = [await at.ask(b"/1"), await at.ask(b"/2")]
    for count, (client, peer) in enumerate(pairs, 1):
        await answered(client, peer, b"body")
        await at.has_ended(count)
    return pairs[0][1], pairs[1][1]


async def test_the_newest_is_taken_first() -> None:
    async with staged(pool=HELD) as at:
        older, newer = await two_idle(at)
        one = await at.begin(get(b"/one"))
        await newer.read_until(b"/one ")
        other = await at.begin(get(b"/other"))
        await older.read_until(b"/other ")
        await answered(one, newer, b"1")
        await answered(other, older, b"2")
        await at.begin(get(b"/again"))
        await older.read_until(b"/again ")
        assert not has_caller(at.upstream)


@pytest.mark.parametrize("idle", [0, 1])
async def test_no_more_are_kept_than_the_limit_says(idle: int) -> None:
    async with staged(pool=PoolLimits(idle=idle, idle_timeout=60)) as at:
        older, newer = await two_idle(at)
        await until_end(newer)
        if idle:
            await at.begin(get(b"/next"))
            await older.read_until(b"/next ")
        else:
            await until_end(older)


async def test_an_idle_connection_is_closed_after_its_timeout() -> None:
    async with staged(pool=PoolLimits(idle_timeout=0.05)) as at:
        for peer in await two_idle(at):
            await until_end(peer)
        client, peer = await at.ask()
        await answered(client, peer, b"next")


async def test_only_idle_time_counts() -> None:
    """A response may take longer than the idle timeout, also on a reused connection."""
    async with staged(pool=PoolLimits(idle_timeout=0.05), timeouts=Timeouts(gap=0)) as at:
        client, kept = await at.ask(b"/kept")
        await answered(client, kept, b"kept")
        await client.send(get(b"/slow"))
        await kept.read_until(b"/slow ")
        other, peer = await at.ask(b"/idle")
        await answered(other, peer, b"idle")
        await until_end(peer)  # which lay idle from later on
        await answered(client, kept, b"slow")


@pytest.mark.parametrize(
    "say", [b"", b"H", ok(b"evil")], ids=["goodbye", "a letter", "an answer to nothing"]
)
async def test_an_idle_connection_with_unexpected_bytes_is_closed(say: bytes) -> None:
    async with staged(pool=HELD) as at:
        client, peer = await at.ask()
        await answered(client, peer, b"first")
        if say:
            await peer.send(say)
        else:
            peer.end()
        await until_end(peer)
        await client.send(get(b"/next"))
        await answered(client, await at.upstream.asked(), b"next")
        assert b"evil" not in client.received


@pytest.mark.parametrize("sent", [GET, post(b"body")], ids=["GET", "POST"])
async def test_bytes_that_arrived_before_a_request_do_not_answer_it(sent: bytes) -> None:
    """Not even if the event loop reports the request first."""
    async with staged(pool=HELD) as at:
        client, peer = await at.ask()
        await answered(client, peer, b"first")
        client.sock.send(sent)
        peer.sock.send(ok(b"evil"))
        await answered(client, await at.upstream.asked(), b"next")
        assert b"evil" not in client.received
