"""A relay inside ``compress``: left alone, or encoded piece by piece as the upstream sends them."""

from functools import partial

from streamserver.kit.compress import compress
from streamserver.proxy.proxy import Proxy
from support.answers import body
from support.coding import decoded, is_whole
from support.hearing import hear_request
from support.inprocess import Serve, Served
from support.rawserver import RawServer
from support.rawsocket import connect, until_end
from support.relaying import EVENTS_HEAD, LAST_CHUNK, chunk, ok
from support.requests import get
from support.waiting import wait_until

ACCEPTS = get(b"/", b"Accept-Encoding: gzip")
TEXT = b"Content-Type: text/plain"
LONG = b"a body of known length\n" * 40


async def relaying(serve: Serve, upstream: RawServer, *, relayed: bool = True) -> Served:
    return await serve(compress(Proxy(upstream.url), relayed=relayed))


async def answered(served: Served, upstream: RawServer, answer: bytes, request: bytes) -> bytes:
    """What a client receives of a whole answer of the upstream."""
    async with connect(served.port) as client:
        await client.send(request)
        peer = await upstream.asked()
        await peer.send(answer)
        await wait_until(lambda: served.ended)
        await client.read_until(b"\r\n\r\n")
        size = served.ended[-1].bytes_sent
        return await client.read_until(lambda got: len(body(got)) >= size)


def is_decoded(expected: bytes, received: bytes) -> bool:
    return decoded(received) == expected


async def test_by_default_it_is_left_alone(serve: Serve, upstream: RawServer) -> None:
    served = await relaying(serve, upstream, relayed=False)
    received = await answered(served, upstream, ok(LONG, TEXT, b'ETag: "a"'), ACCEPTS)
    assert body(received) == LONG
    assert b'etag: "a"\r\n' in received
    assert b"vary" not in received.partition(b"\r\n\r\n")[0]


async def test_each_piece_of_the_upstream_leaves_at_once(serve: Serve, upstream: RawServer) -> None:
    served = await relaying(serve, upstream)
    async with connect(served.port) as client:
        await client.send(ACCEPTS)
        peer = await upstream.asked()
        await peer.send(EVENTS_HEAD)
        await client.read_until(b"content-encoding: gzip\r\n")
        sent = b""
        for n in range(10):
            sent += (piece := b'data: {"delta": %d}\n\n' % n)
            await peer.send(chunk(piece))
            await client.read_until(partial(is_decoded, sent))
        await peer.send(chunk(b"data: [DONE]\n\n") + LAST_CHUNK)
        await client.read_until(is_whole)
        assert decoded(client.received) == sent + b"data: [DONE]\n\n"


async def test_a_body_of_known_length(serve: Serve, upstream: RawServer) -> None:
    served = await relaying(serve, upstream)
    received = await answered(served, upstream, ok(LONG, TEXT, b'ETag: "a"'), ACCEPTS)
    head = received.partition(b"\r\n\r\n")[0]
    assert b"content-length" not in head
    assert b'etag: W/"a-gzip"' in head
    assert decoded(received) == LONG
    assert is_whole(received)


async def test_what_the_upstream_wants_kept(serve: Serve, upstream: RawServer) -> None:
    """Its no-transform binds a proxy, also as our own streams send it by default (RFC 9110,
    section 7.7)."""
    served = await relaying(serve, upstream)
    for field in (b"Cache-Control: no-cache, no-transform", b"Content-Encoding: br"):
        answer = ok(LONG, TEXT, field, b"Connection: close")
        received = await answered(served, upstream, answer, ACCEPTS)
        assert body(received) == LONG
        served.ended.clear()
    received = await answered(served, upstream, ok(b"short", TEXT), ACCEPTS)
    assert body(received) == b"short"


async def test_what_the_client_wants_kept(serve: Serve, upstream: RawServer) -> None:
    """Its no-transform is for proxies (RFC 9111, section 5.2.1.6)."""
    served = await relaying(serve, upstream)
    asked = get(b"/", b"Accept-Encoding: gzip", b"Cache-Control: no-store, no-transform")
    assert body(await answered(served, upstream, ok(LONG, TEXT), asked)) == LONG


async def test_head(serve: Serve, upstream: RawServer) -> None:
    """Without the length, which is that of the plain body."""
    served = await relaying(serve, upstream)
    head = ok(LONG, TEXT).removesuffix(LONG)
    received = await answered(served, upstream, head, ACCEPTS.replace(b"GET", b"HEAD", 1))
    assert b"content-encoding: gzip\r\n" in received
    assert b"content-length" not in received


async def test_an_upstream_that_breaks_leaves_the_stream_cut(
    serve: Serve, upstream: RawServer
) -> None:
    served = await relaying(serve, upstream)
    async with connect(served.port) as client:
        await client.send(ACCEPTS)
        peer = await upstream.asked()
        await peer.send(EVENTS_HEAD + chunk(b"data: one\n\n"))
        await client.read_until(lambda got: b"\r\n\r\n" in got and b"one" in decoded(got))
        peer.reset()
        await until_end(client)
        assert not is_whole(client.received)


async def test_the_upstream_gets_the_tag_that_it_gave(serve: Serve, upstream: RawServer) -> None:
    served = await relaying(serve, upstream)
    async with connect(served.port) as client:
        await client.send(get(b"/", b"Accept-Encoding: gzip", b'If-None-Match: W/"a-gzip"'))
        peer = await upstream.accept()
        asked = await hear_request(peer)
        assert asked.headers["if-none-match"] == 'W/"a-gzip", "a"'
        await peer.send(b'HTTP/1.1 304 Not Modified\r\nETag: "a"\r\n\r\n')
        received = await client.read_until(b"\r\n\r\n")
        assert received.startswith(b"HTTP/1.1 304 ")
        assert b'etag: W/"a-gzip"\r\n' in received
