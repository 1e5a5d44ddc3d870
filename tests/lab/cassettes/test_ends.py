"""The end in a cassette: of the upstream's making, or not."""

import asyncio
from collections.abc import Callable

import pytest

from lab.cassettes.conftest import StartRelay
from streamserver.proxy.settings import Timeouts
from support.rawsocket import RawClient, connect, until_end
from support.relaying import CHUNKED_HEAD, EVENTS_HEAD, chunk, ok
from support.requests import get, post

ASK = get(b"/", b"Connection: close")
STARTED = EVENTS_HEAD + chunk(b"data: one\n\n")


def close(peer: RawClient) -> None:
    peer.sock.close()


def reset(peer: RawClient) -> None:
    peer.reset()


def send_nothing(peer: RawClient) -> None:
    pass


def send_nonsense(peer: RawClient) -> None:
    peer.sock.send(b"nonsense\r\n")


@pytest.mark.parametrize(
    ("sent", "then", "end", "detail"),
    [
        (STARTED, close, "truncated", "it ended before its body did"),
        (ok(b"whole")[:-1], close, "truncated", "it ended before its body did"),
        (STARTED, reset, "reset", "the upstream closed the connection"),
        (STARTED, send_nonsense, "truncated", "chunk"),
        (STARTED, send_nothing, "late", "the upstream stopped sending"),
        (b"", close, "unanswered", "there is none"),
        (b"HTTP/1.1 200 OK\r\nA: b", close, "unanswered", "it ended within a head"),
        (b"HTTP/1.1 103 -\r\n\r\n", close, "unanswered", "there is none"),
        (b"", reset, "reset", "the upstream closed the connection"),
        (b"", send_nonsense, "unanswered", "not with ..."),
        (b"", send_nothing, "late", "the upstream did not respond in time"),
    ],
)
async def test_ends_that_the_upstream_causes(
    record: StartRelay, sent: bytes, then: Callable[[RawClient], None], end: str, detail: str
) -> None:
    late = 0.1 if end == "late" else 20.0
    relay = await record(proxy={"timeouts": Timeouts(gap=late, first_byte=late)})
    async with connect(relay.server.port) as client:
        await client.send(ASK)
        peer = await relay.upstream.asked()
        if sent:
            await peer.send(sent)
            if sent == STARTED:
                await client.read_until(b"one")
        then(peer)
        await until_end(client)
    (cassette,) = await relay.cassettes()
    assert cassette.end.end == end
    assert detail in cassette.end.detail
    assert not cassette.end.is_partial
    assert sent != STARTED or cassette.pieces == [b"data: one\n\n"]


async def test_the_upstream_is_down(record: StartRelay) -> None:
    relay = await record()
    relay.upstream.sock.close()
    async with connect(relay.server.port) as client:
        await client.send(ASK)
        assert b" 502 " in await client.read_until()
    (cassette,) = await relay.cassettes()
    assert (cassette.head, cassette.end.end) == (None, "unanswered")
    assert cassette.end.detail == "the upstream refused the connection"


async def test_a_client_that_leaves(record: StartRelay) -> None:
    relay = await record()
    async with connect(relay.server.port) as client:
        await client.send(ASK)
        peer = await relay.upstream.asked()
        await peer.send(STARTED)
        await client.read_until(b"one")
    (cassette,) = await relay.cassettes()
    assert cassette.end.end == "client_gone"
    assert cassette.end.is_partial
    assert cassette.pieces == [b"data: one\n\n"]


async def test_a_relay_that_is_stopped_in_the_middle(record: StartRelay) -> None:
    """All is on the disk when it has stopped."""
    relay = await record()
    async with connect(relay.server.port) as client:
        await client.send(ASK)
        peer = await relay.upstream.asked()
        await peer.send(STARTED)
        await client.read_until(b"one")
        await relay.server.stop(grace=0.01)
        assert len(relay.files()) == 1
        (cassette,) = await relay.cassettes()
    assert cassette.end.end == "drained"
    assert cassette.pieces == [b"data: one\n\n"]


async def test_a_relay_that_drains_records_the_rest(record: StartRelay) -> None:
    relay = await record()
    async with connect(relay.server.port) as client:
        await client.send(ASK)
        peer = await relay.upstream.asked()
        await peer.send(STARTED)
        await client.read_until(b"one")
        stopping = asyncio.create_task(relay.server.stop(grace=20.0))
        await peer.send(chunk(b"data: two\n\n"))
        await client.read_until(b"two")
        await peer.send(b"0\r\n\r\n")
        await client.read_until()
        await stopping
    (cassette,) = await relay.cassettes()
    assert (cassette.pieces[-1], cassette.end.end) == (b"data: two\n\n", "complete")


async def test_a_response_longer_than_max_stream(record: StartRelay) -> None:
    relay = await record(settings={"max_stream": 0.1})
    async with connect(relay.server.port) as client:
        await client.send(ASK)
        peer = await relay.upstream.asked()
        await peer.send(CHUNKED_HEAD + chunk(b"one"))
        await until_end(client)
    (cassette,) = await relay.cassettes()
    assert (cassette.pieces, cassette.end.end) == ([b"one"], "expired")


async def test_a_client_that_does_not_read(record: StartRelay) -> None:
    relay = await record(settings={"write_timeout": 0.1})
    async with connect(relay.server.port, receive_buffer=4096) as client:
        await client.send(ASK)
        peer = await relay.upstream.asked()
        await peer.send(CHUNKED_HEAD)

        async def send_forever() -> None:
            while True:
                await peer.send(chunk(bytes(65536)))

        sending = asyncio.create_task(send_forever())
        (cassette,) = await relay.cassettes()
        sending.cancel()
    assert cassette.end.end == "stalled"


async def test_a_request_larger_than_max_body(record: StartRelay) -> None:
    relay = await record(proxy={"max_body": 5})
    async with connect(relay.server.port) as client:
        whole = post(b"123456", fields=[b"Transfer-Encoding: chunked"])
        head = whole.partition(b"\r\n\r\n")[0].replace(b"Content-Length: 6\r\n", b"")
        await client.send(head + b"\r\n\r\n" + chunk(b"123"))
        await relay.upstream.asked()
        await client.send(chunk(b"456"))
        assert b" 413 " in await client.read_until()
    (cassette,) = await relay.cassettes()
    assert (cassette.end.end, cassette.request.body.sha256) == ("refused", None)
