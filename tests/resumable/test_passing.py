"""What is no answer is relayed as without this: other methods, and responses without events."""

import asyncio

import pytest

from streamserver.proxy.proxy import Proxy
from streamserver.proxy.settings import PoolLimits, Timeouts
from streamserver.resumable.producer import Producer
from streamserver.resumable.resumable import Resumable
from support.answers import content
from support.hearing import hear_request, hear_response
from support.inprocess import Serve
from support.rawserver import RawServer
from support.rawsocket import connect, until_end
from support.relaying import CHUNKED_HEAD, EVENTS_HEAD, LAST_CHUNK, chunk, ok
from support.requests import chunked, get, post
from support.resuming import BODY, TARGET, Kept, event, head_of, keeping, say
from support.upstreams import send_until_blocked
from support.waiting import wait_until, within

EMPTY = b"HTTP/1.1 204 No Content\r\n\r\n"
ZIPPED = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Encoding: gzip\r\n"


async def test_the_request_reaches_the_upstream(kept: Kept) -> None:
    fields = [b"X-One: 1", b"Authorization: Bearer a", b"Accept-Encoding: gzip, br"]
    await kept.post(*fields, key="k", target=b"/v1/x?a=b")
    peer = await kept.upstream.asked()
    assert peer.received.startswith(b"POST /v1/x?a=b HTTP/1.1\r\n")
    parsed = await hear_request(peer)
    assert parsed.content == BODY
    sent = dict(parsed.headers.items())
    assert (sent["x-one"], sent["authorization"], sent["idempotency-key"]) == ("1", "Bearer a", "k")
    assert sent["accept-encoding"] == "identity"  # a compressed stream has no events to count
    await peer.send(EMPTY)


async def test_a_body_in_chunks_is_sent_with_its_length(kept: Kept) -> None:
    await kept.client(chunked(b"ab", b"c", target=TARGET, fields=[b"Expect: 100-continue"]))
    parsed = await hear_request(await kept.upstream.asked())
    assert (parsed.content, parsed.headers["content-length"]) == (b"abc", "3")


async def test_a_request_without_a_body(kept: Kept) -> None:
    client = await kept.client(b"POST /x HTTP/1.1\r\nHost: a\r\n\r\n")
    peer = await kept.upstream.asked()
    assert (await hear_request(peer)).headers["content-length"] == "0"
    await peer.send(EMPTY)
    assert (await client.read_until(b"\r\n\r\n")).startswith(b"HTTP/1.1 204 ")


@pytest.mark.parametrize("method", [b"GET", b"HEAD", b"PUT", b"DELETE", b"OPTIONS"])
async def test_other_methods(kept: Kept, method: bytes) -> None:
    client = await kept.client(get(b"/x").replace(b"GET", method, 1))
    peer = await kept.upstream.asked()
    await peer.send(EVENTS_HEAD + (b"" if method == b"HEAD" else chunk(event(0)) + LAST_CHUNK))
    message = await hear_response(client, method.decode())
    assert message.content == (b"" if method == b"HEAD" else event(0))
    assert "x-stream-id" not in message.headers
    assert not len(kept.handler._answers._producers)


WHOLE: dict[str, tuple[bytes, int, bytes]] = {
    "JSON": (ok(b"{}", b"Content-Type: application/json"), 200, b"{}"),
    "an error": (ok(b"{}").replace(b"200 OK", b"429 -"), 429, b"{}"),
    "events of an error": (
        EVENTS_HEAD.replace(b"200 OK", b"500 -") + chunk(event(0)) + LAST_CHUNK,
        500,
        event(0),
    ),
    "nothing": (EMPTY, 204, b""),
    "chunks": (CHUNKED_HEAD + chunk(b"a") + chunk(b"b") + LAST_CHUNK, 200, b"ab"),
    "compressed events": (
        ZIPPED + b"Content-Length: 4\r\n\r\n\x1f\x8bab",
        200,
        b"\x1f\x8bab",
    ),
}


@pytest.mark.parametrize(("sent", "status", "body"), WHOLE.values(), ids=WHOLE)
@pytest.mark.parametrize("key", ["", "k"])
async def test_responses_without_events(
    kept: Kept, sent: bytes, status: int, body: bytes, key: str
) -> None:
    client = await kept.post(key=key)
    peer = await kept.upstream.asked()
    await peer.send(sent)
    message = await hear_response(client, "POST")
    assert (message.status, message.content) == (status, body)
    assert message.headers["via"] == "1.1 streamserver"
    assert "location" not in message.headers
    assert "x-stream-id" not in message.headers
    assert len(kept.store) == 0
    await wait_until(lambda: kept.server.ended)
    assert [name for name, _ in kept.server.ended[0].attributes] == ["connect_ms", "upstream_ms"]
    again = await kept.post(key=key)  # the connection is reused
    peer.received = b""
    await peer.read_until(BODY)
    await peer.send(EMPTY)
    await again.read_until(b"\r\n\r\n")


async def test_each_piece_is_relayed_when_it_arrives(kept: Kept) -> None:
    client = await kept.post()
    peer = await kept.upstream.asked()
    await peer.send(CHUNKED_HEAD)
    await client.read_until(b"\r\n\r\n")
    for piece in (b"one", b"two", b"three"):
        await peer.send(chunk(piece))
        await client.read_until(piece)
    await peer.send(LAST_CHUNK)
    assert content(await client.read_until(LAST_CHUNK)) == b"onetwothree"


async def test_a_slow_client_slows_the_upstream_of_what_is_not_kept(kept: Kept) -> None:
    slow = connect(kept.server.port, receive_buffer=4096)
    client = await kept.clients.enter_async_context(slow)
    await client.send(post(b"{}", target=TARGET))
    peer = await kept.upstream.asked()
    await peer.send(b"HTTP/1.1 200 OK\r\n\r\n")
    await asyncio.wait_for(send_until_blocked(peer), 20)


async def test_a_client_of_another_listener_may_take_it_over(
    serve: Serve, upstream: RawServer
) -> None:
    """The connection returns to the pool that it came from."""
    handler = Resumable(Proxy(upstream.url, pool=PoolLimits(open=1, wait=0)))
    servers = [await serve(handler), await serve(handler)]
    asking = post(BODY, target=TARGET, fields=[b"Idempotency-Key: k"])
    async with connect(servers[0].port) as asked, connect(servers[1].port) as other:
        await asked.send(asking)
        peer = await upstream.asked()
        await other.send(asking)
        await wait_until(lambda: [len(one._waiters) for one in running(handler)] == [2])
        asked.reset()
        await wait_until(lambda: [len(one._waiters) for one in running(handler)] == [1])
        await peer.send(ok(b"{}").removesuffix(b"}"))
        assert (await other.read_until(b"{")).startswith(b"HTTP/1.1 200 ")
        await peer.send(b"}")
        await other.read_until(b"{}")
    peer.received = b""
    async with connect(servers[0].port) as again:
        await again.send(post(BODY, target=TARGET))
        await peer.read_until(BODY)
        await peer.send(ok(b"again"))
        await again.read_until(b"again")


def running(handler: Resumable) -> list[Producer]:
    """The answers that it produces."""
    return [*handler._answers._producers.values()]


@pytest.mark.parametrize("has_head", [False, True])
async def test_a_client_that_leaves_cancels_what_is_not_kept(kept: Kept, has_head: bool) -> None:
    client = await kept.post()
    peer = await kept.upstream.asked()
    if has_head:
        await peer.send(CHUNKED_HEAD)
        await client.read_until(b"\r\n\r\n")
    client.reset()
    await within(0.2, until_end(peer))


async def test_a_break_of_what_is_not_kept_is_a_cut(kept: Kept) -> None:
    client = await kept.post()
    peer = await kept.upstream.asked()
    await peer.send(CHUNKED_HEAD + chunk(b"a"))
    await client.read_until(b"a\r\n")
    peer.reset()
    await until_end(client)
    assert not client.received.endswith(LAST_CHUNK)
    assert b"error" not in client.received


async def test_an_upstream_that_is_late() -> None:
    async with keeping(proxy={"timeouts": Timeouts(first_byte=0.05)}) as kept:
        client = await kept.post(key="k")
        assert (await client.read_until(b"}\n")).startswith(b"HTTP/1.1 504 ")
        assert len(kept.store) == 0


async def test_an_interim_response_gives_the_upstream_more_time(kept: Kept) -> None:
    """It is not passed on: it would be for one of the clients that wait."""
    client = await kept.post()
    peer = await kept.upstream.asked()
    await peer.send(b"HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n" + EVENTS_HEAD)
    received = await client.read_until(b"\r\n\r\n")
    assert received.startswith(b"HTTP/1.1 200 ")
    await say(peer, event(0), is_last=True)
    await client.read_until(LAST_CHUNK)


async def test_trailer_fields_are_not_kept(kept: Kept) -> None:
    client = await kept.post(b"TE: trailers", b"Connection: TE")
    peer = await kept.upstream.asked()
    await peer.send(EVENTS_HEAD + chunk(event(0)) + b"0\r\nX-Late: 1\r\n\r\n")
    received = await client.read_until(LAST_CHUNK)
    assert b"late" not in received.lower()


async def test_the_time_of_the_upstream_is_a_field() -> None:
    async with keeping(proxy={"server_timing": True}) as kept:
        client, peer = await kept.begin(event(0), key="k")
        assert "upstream;dur=" in head_of(client.received)["server-timing"]
        again = await kept.post(key="k")  # it is that of the first
        assert "server-timing" not in head_of(await again.read_until(b"\r\n\r\n"))
        await say(peer, is_last=True)
