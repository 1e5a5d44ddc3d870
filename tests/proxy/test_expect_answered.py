"""A client that waits for a 100 gets a final response: its body is not awaited any more."""

import pytest

from streamserver.proxy import upload
from support.answers import content, statuses
from support.rawserver import RawServer
from support.rawsocket import connect
from support.relaying import CHUNKED_HEAD, LAST_CHUNK, StartRelay, chunk
from support.requests import chunked, post

EXPECT = b"Expect: 100-continue"
SENT = {
    "a length": post(b"", length=5, fields=[EXPECT]),
    "chunks": chunked(end=b"", fields=[EXPECT]),
}


@pytest.mark.parametrize("sent", SENT.values(), ids=SENT)
async def test_the_response_may_take_longer_than_the_body_timeout(
    relay: StartRelay, upstream: RawServer, monkeypatch: pytest.MonkeyPatch, sent: bytes
) -> None:
    """Another client, whose body is late, shows when that timeout has passed."""
    monkeypatch.setattr(upload, "CONTINUE_TIMEOUT", 0.02)
    server = await relay(settings={"body_timeout": 0.1})
    async with connect(server.port) as client, connect(server.port) as late:
        await client.send(sent)
        peer = await upstream.asked()
        await peer.send(CHUNKED_HEAD + chunk(b"first"))
        await client.read_until(b"first")
        await late.send(sent)
        assert statuses(await late.read_until(b" 408 ")) == [100, 408]
        await peer.send(chunk(b"last") + LAST_CHUNK)
        received = await client.read_until(LAST_CHUNK)
    assert statuses(received) == [200]
    assert content(received) == b"firstlast"
