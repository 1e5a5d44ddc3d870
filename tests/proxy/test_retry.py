"""A stale pooled connection: which requests are repeated, and which are not.

An upstream may close an idle connection while a request is on its way to it. A request that may
be repeated (RFC 9110, section 9.2.2) is then sent once more, on a new connection, unless a part
of a response was received.
"""

from collections.abc import Callable

import pytest

from streamserver.proxy.settings import PoolLimits
from support.beating import ASK, INTERVAL, beaten, last_words
from support.problems import problem
from support.rawsocket import RawClient
from support.relaying import chunk, ok
from support.requests import chunked, get, request
from support.stage import staged
from support.upstreams import has_caller

CLOSED = (502, "the upstream closed the connection")
ONE = PoolLimits(open=1, wait=60, idle_timeout=60)
BODY = b"a body"
GOING: dict[str, Callable[[RawClient], object]] = {
    "FIN": lambda peer: peer.sock.close(),
    "RST": RawClient.reset,
}
going = pytest.mark.parametrize("go", GOING.values(), ids=GOING)


def plain(method: bytes) -> bytes:
    return request(method + b" /sent HTTP/1.1", b"Host: a")


def with_body(method: bytes) -> bytes:
    length = b"Content-Length: %d" % len(BODY)
    return request(method + b" /sent HTTP/1.1", b"Host: a", length) + BODY


REPEATABLE = [*map(plain, (b"GET", b"HEAD", b"OPTIONS", b"DELETE")), with_body(b"PUT")]
NOT_REPEATABLE = [
    *map(with_body, (b"POST", b"PATCH", b"QUERY")),
    *(plain(b"POST"), plain(b"LOCK")),
    # A body that is still arriving is not kept.
    chunked(BODY, end=b"", target=b"/sent").replace(b"POST", b"PUT"),
]


def method(sent: bytes) -> str:
    return sent.partition(b" ")[0].decode()


async def dies(peer: RawClient, go: Callable[[RawClient], object], until: bytes) -> None:
    """The whole request is received, and not answered."""
    await peer.read_until(until)
    go(peer)


def end_of(sent: bytes) -> bytes:
    """The last bytes of a request as the upstream receives them."""
    body = sent.partition(b"\r\n\r\n")[2]
    return body[-len(BODY) - 2 :] or b"\r\n\r\n"


@going
@pytest.mark.parametrize("sent", REPEATABLE, ids=method)
async def test_a_repeatable_request_is_sent_again(
    sent: bytes, go: Callable[[RawClient], object]
) -> None:
    async with staged(pool=ONE) as at:
        client, peer = await at.pooled()
        await client.send(sent)
        await dies(peer, go, end_of(sent))
        again = await at.upstream.accept()
        await again.read_until(end_of(sent))
        assert again.received == peer.received
        await again.send(ok())
        assert (await client.read_until(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
        assert [exchange.status for exchange in at.server.ended] == [200, 200]


@going
@pytest.mark.parametrize("sent", NOT_REPEATABLE, ids=method)
async def test_any_other_request_is_not(sent: bytes, go: Callable[[RawClient], object]) -> None:
    async with staged(pool=ONE) as at:
        client, peer = await at.pooled()
        await client.send(sent)
        await dies(peer, go, end_of(sent))
        assert await problem(client) == CLOSED
        assert not has_caller(at.upstream)


async def test_nothing_is_repeated_after_a_byte_of_the_response() -> None:
    async with staged(pool=ONE) as at:
        client, peer = await at.pooled()
        await client.send(plain(b"GET"))
        await peer.read_until(b"\r\n\r\n")
        await peer.send(b"H")
        peer.sock.close()
        assert (await problem(client))[0] == 502
        assert not has_caller(at.upstream)


@going
async def test_nor_after_an_interim_response(go: Callable[[RawClient], object]) -> None:
    async with staged(pool=ONE) as at:
        client, peer = await at.pooled()
        await client.send(plain(b"GET"))
        await peer.read_until(b"\r\n\r\n")
        await peer.send(b"HTTP/1.1 103 Early Hints\r\n\r\n")
        await client.read_until(b"\r\n\r\n")
        client.received = b""
        go(peer)
        assert (await problem(client))[0] == 502
        assert not has_caller(at.upstream)


@going
async def test_no_request_is_repeated_after_an_early_head(
    go: Callable[[RawClient], object],
) -> None:
    """That of the relay itself, which it sends with its first heartbeat."""
    async with staged(pool=ONE, heartbeat=INTERVAL) as at:
        client, peer = await at.pooled()
        await client.send(ASK)
        await client.read_until(beaten(1))
        go(peer)
        assert last_words(await client.read_until())["status"] == 502
        assert not has_caller(at.upstream)


@going
async def test_nothing_is_repeated_twice(go: Callable[[RawClient], object]) -> None:
    async with staged(pool=ONE) as at:
        client, peer = await at.pooled()
        await client.send(plain(b"GET"))
        await dies(peer, go, b"\r\n\r\n")
        await dies(await at.upstream.accept(), go, b"\r\n\r\n")
        assert (await problem(client))[0] == 502
        assert not has_caller(at.upstream)


async def test_nor_if_the_second_connection_was_reused() -> None:
    """At the limit, a repeated request may have to wait behind others."""
    async with staged(pool=ONE) as at:
        client, peer = await at.pooled()
        await client.send(plain(b"GET"))
        await peer.read_until(b"\r\n\r\n")
        other = await at.begin(get(b"/other"))
        peer.sock.close()
        peer = await at.upstream.asked()
        await peer.send(ok(b"other"))
        await other.read_until(b"other")
        await dies(peer, RawClient.reset, b"/sent ")
        assert (await problem(client))[0] == 502
        assert not has_caller(at.upstream)


@going
async def test_a_new_connection_that_closes_is_not_stale(
    go: Callable[[RawClient], object],
) -> None:
    async with staged(pool=ONE) as at:
        client, peer = await at.ask()
        go(peer)
        assert (await problem(client))[0] == 502
        assert not has_caller(at.upstream)


# --- a FIN that was received already ------------------------------------------------------------


@going
@pytest.mark.parametrize("sent", [*REPEATABLE, *NOT_REPEATABLE], ids=method)
async def test_a_connection_that_was_closed_by_the_upstream_is_not_used(
    sent: bytes, go: Callable[[RawClient], object]
) -> None:
    """Not even if the event loop reports the request first."""
    async with staged(pool=ONE) as at:
        client, peer = await at.pooled()
        client.sock.send(sent)
        go(peer)
        again = await at.upstream.accept()
        await again.read_until(end_of(sent))
        await again.send(ok())
        assert (await client.read_until(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("sent", [*REPEATABLE, *NOT_REPEATABLE], ids=method)
async def test_nor_is_it_given_to_a_waiting_request(sent: bytes) -> None:
    """A response, directly followed by the end of the connection."""
    async with staged(pool=ONE) as at:
        _, peer = await at.ask(b"/first")
        client = await at.begin(sent)
        peer.sock.send(ok(b"first"))
        peer.end()
        again = await at.upstream.accept()
        await again.read_until(end_of(sent))
        await again.send(ok())
        assert (await client.read_until(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")


async def test_an_upload_continues_on_the_new_connection() -> None:
    """The stale connection has taken no part of the body."""
    async with staged(pool=ONE) as at:
        client, peer = await at.pooled()
        client.sock.send(chunked(b"one", end=b""))
        peer.sock.close()
        again = await at.upstream.asked()
        await client.send(chunk(b"two") + b"0\r\n\r\n")
        received = await again.read_until(b"0\r\n\r\n")
        assert received.endswith(b"\r\n\r\n3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n")
