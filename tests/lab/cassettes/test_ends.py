"""How an exchange ended, as its cassette tells it: by the upstream's doing, or not."""

import asyncio
from collections.abc import Callable

import pytest

from lab.cassettes.conftest import StartDeck
from streamserver.proxy.settings import Timeouts
from support.rawsocket import RawClient, connect, until_end
from support.relaying import CHUNKED_HEAD, EVENTS_HEAD, chunk, ok
from support.requests import get, post

ASK = get(b"/", b"Connection: close")
BEGINNING = EVENTS_HEAD + chunk(b"data: one\n\n")


def close(peer: RawClient) -> None:
    peer.sock.close()


def reset(peer: RawClient) -> None:
    peer.reset()


def fall_silent(peer: RawClient) -> None:
    pass


def talk_nonsense(peer: RawClient) -> None:
    peer.sock.send(b"nonsense\r\n")


@pytest.mark.parametrize(
    ("sent", "then", "end", "detail"),
    [
        (BEGINNING, close, "truncated", "it ended before its body did"),
        (ok(b"whole")[:-1], close, "truncated", "it ended before its body did"),
        (BEGINNING, reset, "reset", "the upstream closed the connection"),
        (BEGINNING, talk_nonsense, "truncated", "chunk"),
        (BEGINNING, fall_silent, "late", "the upstream fell silent"),
        (b"", close, "unanswered", "there is none"),
        (b"HTTP/1.1 200 OK\r\nA: b", close, "unanswered", "it ended within a head"),
        (b"HTTP/1.1 103 -\r\n\r\n", close, "unanswered", "there is none"),
        (b"", reset, "reset", "the upstream closed the connection"),
        (b"", talk_nonsense, "unanswered", "not with ..."),
        (b"", fall_silent, "late", "the upstream did not answer in time"),
    ],
)
async def test_an_end_of_the_upstreams(
    record: StartDeck, sent: bytes, then: Callable[[RawClient], None], end: str, detail: str
) -> None:
    late = 0.1 if end == "late" else 20.0
    deck = await record(proxy={"timeouts": Timeouts(gap=late, first_byte=late)})
    async with connect(deck.server.port) as client:
        await client.send(ASK)
        peer = await deck.upstream.asked()
        if sent:
            await peer.send(sent)
            if sent == BEGINNING:
                await client.read_until(b"one")
        then(peer)
        await until_end(client)
    (cassette,) = await deck.cassettes()
    assert cassette.end.end == end
    assert detail in cassette.end.detail
    assert cassette.end.is_upstreams
    assert sent != BEGINNING or cassette.pieces == [b"data: one\n\n"]


async def test_the_upstream_is_not_there(record: StartDeck) -> None:
    deck = await record()
    deck.upstream.sock.close()
    async with connect(deck.server.port) as client:
        await client.send(ASK)
        assert b" 502 " in await client.read_until()
    (cassette,) = await deck.cassettes()
    assert (cassette.head, cassette.end.end) == (None, "unanswered")
    assert cassette.end.detail == "the upstream refused the connection"


async def test_a_client_that_leaves_in_the_middle(record: StartDeck) -> None:
    deck = await record()
    async with connect(deck.server.port) as client:
        await client.send(ASK)
        peer = await deck.upstream.asked()
        await peer.send(BEGINNING)
        await client.read_until(b"one")
    (cassette,) = await deck.cassettes()
    assert cassette.end.end == "client_gone"
    assert not cassette.end.is_upstreams
    assert cassette.pieces == [b"data: one\n\n"]


async def test_a_relay_that_is_stopped_in_the_middle(record: StartDeck) -> None:
    """All is on the disk when it has stopped."""
    deck = await record()
    async with connect(deck.server.port) as client:
        await client.send(ASK)
        peer = await deck.upstream.asked()
        await peer.send(BEGINNING)
        await client.read_until(b"one")
        await deck.server.stop(grace=0.01)
        assert len(deck.files()) == 1
        (cassette,) = await deck.cassettes()
    assert cassette.end.end == "drained"
    assert cassette.pieces == [b"data: one\n\n"]


async def test_a_relay_that_drains_records_to_the_end(record: StartDeck) -> None:
    deck = await record()
    async with connect(deck.server.port) as client:
        await client.send(ASK)
        peer = await deck.upstream.asked()
        await peer.send(BEGINNING)
        await client.read_until(b"one")
        stopping = asyncio.create_task(deck.server.stop(grace=20.0))
        await peer.send(chunk(b"data: two\n\n"))
        await client.read_until(b"two")
        await peer.send(b"0\r\n\r\n")
        await client.read_until()
        await stopping
    (cassette,) = await deck.cassettes()
    assert (cassette.pieces[-1], cassette.end.end) == (b"data: two\n\n", "complete")


async def test_a_response_that_outlives_the_relays_limit(record: StartDeck) -> None:
    deck = await record(settings={"max_stream": 0.1})
    async with connect(deck.server.port) as client:
        await client.send(ASK)
        peer = await deck.upstream.asked()
        await peer.send(CHUNKED_HEAD + chunk(b"one"))
        await until_end(client)
    (cassette,) = await deck.cassettes()
    assert (cassette.pieces, cassette.end.end) == ([b"one"], "expired")


async def test_a_client_that_takes_nothing(record: StartDeck) -> None:
    deck = await record(settings={"write_timeout": 0.1})
    async with connect(deck.server.port, receive_buffer=4096) as client:
        await client.send(ASK)
        peer = await deck.upstream.asked()
        await peer.send(CHUNKED_HEAD)

        async def pour() -> None:
            while True:
                await peer.send(chunk(bytes(65536)))

        sending = asyncio.create_task(pour())
        (cassette,) = await deck.cassettes()
        sending.cancel()
    assert cassette.end.end == "stalled"


async def test_a_request_that_turns_out_too_large(record: StartDeck) -> None:
    deck = await record(proxy={"max_body": 5})
    async with connect(deck.server.port) as client:
        whole = post(b"123456", fields=[b"Transfer-Encoding: chunked"])
        head = whole.partition(b"\r\n\r\n")[0].replace(b"Content-Length: 6\r\n", b"")
        await client.send(head + b"\r\n\r\n" + chunk(b"123"))
        await deck.upstream.asked()
        await client.send(chunk(b"456"))
        assert b" 413 " in await client.read_until()
    (cassette,) = await deck.cassettes()
    assert (cassette.end.end, cassette.asked.body.sha256) == ("refused", None)
