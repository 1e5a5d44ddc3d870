"""Answers that are kept behind ``compress``: as the relay's, they are encoded only if asked."""

import gzip

import pytest

from streamserver.kit.compress import compress
from streamserver.proxy.proxy import Proxy
from streamserver.resumable.resumable import Resumable
from support.answers import content
from support.hearing import hear_response
from support.inprocess import Serve
from support.rawserver import RawServer
from support.rawsocket import connect
from support.relaying import EVENTS_HEAD, LAST_CHUNK, chunk
from support.requests import get, post
from support.resuming import BODY, TARGET, event, location_of

ACCEPT = b"Accept-Encoding: gzip"


@pytest.mark.parametrize("is_asked", [False, True])
async def test_a_reader_gets_a_coding_of_its_own(
    serve: Serve, upstream: RawServer, is_asked: bool
) -> None:
    handler = Resumable(Proxy(upstream.url))
    server = await serve(compress(handler, relayed=is_asked))
    async with connect(server.port) as client, connect(server.port) as other:
        await client.send(post(BODY, target=TARGET, fields=[ACCEPT]))
        peer = await upstream.asked()
        assert b"accept-encoding: identity" in peer.received
        await peer.send(EVENTS_HEAD + chunk(event(0)))
        received = await client.read_until(b"\r\n\r\n")
        await other.send(get(location_of(received).encode()))
        plain = await other.read_until(event(0))
        assert b"content-encoding" not in plain
        await peer.send(chunk(event(1)) + LAST_CHUNK)
        plain = await other.read_until(LAST_CHUNK)
        message = await hear_response(client, "POST")
        assert message.headers.get("content-encoding") == ("gzip" if is_asked else None)
        got = gzip.decompress(message.content) if is_asked else message.content
        assert got == content(plain)
