"""What a relay keeps of an exchange: the request, each read of the upstream, and the end."""

import hashlib
from time import monotonic_ns

import pytest

from lab.cassettes.conftest import StartDeck
from streamserver.lab.cassettes.form import Body
from support.cassettes import EMPTY, Cassette, Deck
from support.hearing import drip, hear_response, read_on
from support.rawsocket import RawClient, connect, raw
from support.relaying import CHUNKED_HEAD, EVENTS_HEAD, LAST_CHUNK, chunk, ok
from support.requests import LAST, chunked, get, post, request

PIECES = [b"data: one\n\n", b"data: two\n\n", b"data: \xe4\xb8", b"\x96\n\n"]
UNTIL_CLOSE = b"HTTP/1.1 200 OK\r\n\r\n"


async def recorded(deck: Deck, sent: bytes, *answer: bytes) -> tuple[bytes, Cassette]:
    """What the client received, all of it, and the cassette."""
    async with connect(deck.server.port) as client:
        await client.send(sent)
        peer = await deck.upstream.asked()
        await drip(peer, answer)
        peer.sock.close()
        with_end = await _all(client)
    (cassette,) = await deck.cassettes()
    return with_end, cassette


async def _all(client: RawClient) -> bytes:
    try:
        return await client.read_until()
    except ConnectionResetError:
        return client.received


def ask(target: bytes = b"/", *fields: bytes) -> bytes:
    return get(target, b"Connection: close", *fields)


async def test_a_stream(record: StartDeck) -> None:
    deck = await record()
    before = monotonic_ns()
    async with connect(deck.server.port) as client:
        await client.send(ask(b"/events?a=%20b", b"X-One: 1", b"X-One: 2"))
        peer = await deck.upstream.asked()
        await peer.send(EVENTS_HEAD)
        await client.read_until(b"\r\n\r\n")
        for piece in PIECES:
            await peer.send(chunk(piece))
            await read_on(client)
        await peer.send(LAST_CHUNK)
        await client.read_until(LAST_CHUNK)
    took = monotonic_ns() - before
    (cassette,) = await deck.cassettes()
    assert cassette.asked.method == "GET"
    assert cassette.asked.target == "/events?a=%20b"
    expected = [("host", "a"), ("connection", "close"), ("x-one", "1"), ("x-one", "2")]
    assert cassette.asked.fields == expected
    assert cassette.asked.body == Body(0, EMPTY)
    assert cassette.head is not None
    assert cassette.head.status == 200
    assert cassette.head.fields == [
        ("content-type", "text/event-stream"),
        ("transfer-encoding", "chunked"),
    ]
    assert cassette.pieces == PIECES
    times = [cassette.head.after, *[read.after for read in cassette.reads], cassette.end.after]
    assert all(times), "each came in a read of its own"
    assert sum(times) <= took
    assert (cassette.end.end, cassette.end.reads, cassette.end.bytes) == ("complete", 4, 33)


async def test_one_read_is_one_line_whatever_it_brings(record: StartDeck) -> None:
    deck = await record()
    first = EVENTS_HEAD + chunk(b"a") + chunk(b"b")
    _, cassette = await recorded(deck, ask(), first, chunk(b"c")[:-1], b"\n" + chunk(b"d") * 2)
    assert cassette.pieces == [b"ab", b"c", b"dd"]
    assert cassette.reads[0].after == 0


@pytest.mark.parametrize("name", ["head and body", "pieces", "chunks"])
async def test_a_request_with_a_body(record: StartDeck, name: str) -> None:
    deck = await record()
    body = '{"prompt": "Grüße"}'.encode()
    async with connect(deck.server.port) as client:
        if name == "head and body":
            await client.send(post(body))
            peer = await deck.upstream.asked()
        else:
            sent = post(body) if name == "pieces" else chunked(body[:9], body[9:])
            await client.send(sent[:-12])
            peer = await deck.upstream.asked()
            await client.send(sent[-12:])
        await peer.read_until(b'\xc3\x9fe"}')
        await peer.send(ok(b"answer"))
        await client.read_until(b"answer")
    (cassette,) = await deck.cassettes()
    digest = hashlib.sha256(body).hexdigest()
    assert cassette.asked.body == Body(len(body), digest, body.decode())


@pytest.mark.parametrize("body", [b"\xff", b"x" * 65537])
async def test_of_a_body_that_is_no_short_text_the_hash_is_kept(
    record: StartDeck, body: bytes
) -> None:
    deck = await record()
    async with connect(deck.server.port) as client:
        await client.send(post(body))
        peer = await deck.upstream.asked()
        await peer.read_until(body[-1:] * len(body))
        await peer.send(ok())
        await client.read_until(b"\r\n\r\n")
    (cassette,) = await deck.cassettes()
    assert cassette.asked.body == Body(len(body), hashlib.sha256(body).hexdigest())


async def test_an_answer_that_begins_before_the_request_has_ended(record: StartDeck) -> None:
    """The request comes first in the file, so what is heard before it is whole waits."""
    deck = await record()
    async with connect(deck.server.port) as client:
        sent = chunked(b"one", b"two")
        await client.send(sent[:-10])
        peer = await deck.upstream.asked()
        await peer.send(CHUNKED_HEAD + chunk(b"early"))
        await client.read_until(b"early")
        await client.send(sent[-10:])
        await peer.read_until(LAST_CHUNK)
        await peer.send(LAST_CHUNK)
        await client.read_until(LAST_CHUNK)
    (cassette,) = await deck.cassettes()
    assert cassette.asked.body == Body(6, hashlib.sha256(b"onetwo").hexdigest(), "onetwo")
    assert cassette.pieces == [b"early"]
    assert cassette.end.end == "complete"


async def test_a_request_that_never_is_whole(record: StartDeck) -> None:
    deck = await record()
    async with connect(deck.server.port) as client:
        await client.send(chunked(b"one", b"two")[:-10])
        await deck.upstream.asked()
    (cassette,) = await deck.cassettes()
    assert cassette.asked.body.sha256 is None
    assert (cassette.head, cassette.end.end) == (None, "client_gone")


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        (ask(), b"HTTP/1.1 204 No Content\r\n\r\n"),
        (ask(), b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"),
        (request(b"HEAD / HTTP/1.1", b"Host: a", b"Connection: close"), ok(b"")),
    ],
)
async def test_an_answer_without_a_body(record: StartDeck, asked: bytes, answer: bytes) -> None:
    deck = await record()
    _, cassette = await recorded(deck, asked, answer)
    assert cassette.head is not None
    assert str(cassette.head.status).encode() in answer
    assert (cassette.pieces, cassette.end.end) == ([], "complete")


async def test_interim_answers_and_trailers(record: StartDeck) -> None:
    deck = await record()
    hint = b"HTTP/1.1 103 -\r\nLink: </a>\r\n\r\n"
    last = b"0\r\nX-Sum: 1\r\nX-Token: secret-0123\r\n\r\n"
    _, cassette = await recorded(deck, ask(), hint, CHUNKED_HEAD, chunk(b"a"), last)
    assert [(head.status, head.fields) for head in cassette.interim] == [(103, [("link", "</a>")])]
    assert cassette.end.trailers == [("x-sum", "1"), ("x-token", "REDACTED")]


async def test_what_the_relay_adds_is_not_the_upstreams(record: StartDeck) -> None:
    deck = await record(proxy={"heartbeat": 0.01, "on_break": "event", "inject": {"x-mine": "1"}})
    async with connect(deck.server.port) as client:
        await client.send(ask(b"/", b"Accept: text/event-stream"))
        peer = await deck.upstream.asked()
        await client.read_until(b":\n\n")
        await peer.send(EVENTS_HEAD + chunk(PIECES[0]))
        await client.read_until(PIECES[0])
        peer.sock.close()
        assert b"event: error" in await _all(client)
    (cassette,) = await deck.cassettes()
    assert "x-mine" not in dict(cassette.asked.fields)
    assert cassette.pieces == [PIECES[0]]
    assert cassette.end.end == "truncated"


async def test_each_exchange_of_a_connection_has_its_own(record: StartDeck) -> None:
    deck = await record()
    async with connect(deck.server.port) as client:
        await client.send(get(b"/1") + get(b"/2") + LAST)
        peer = await deck.upstream.accept()
        for target in (b"/1", b"/2", b"/last"):
            await peer.read_until(b"GET " + target + b" ")
            await peer.send(ok(target))
        answers = [(await hear_response(client)).content for _ in range(3)]
    cassettes = await deck.cassettes(3)
    assert [cassette.pieces for cassette in cassettes] == [[answer] for answer in answers]
    assert [cassette.asked.target for cassette in cassettes] == ["/1", "/2", "/last"]
    (first, *_) = deck.files()
    assert first.name.endswith("-1-GET-1.jsonl")


async def test_whatever_is_asked_there_is_a_name_for_the_file(record: StartDeck) -> None:
    deck = await record()
    method, target = b"X" * 300, b"/../%00/" + b"y" * 300
    asked = request(method + b" " + target + b" HTTP/1.1", b"Host: a", b"Connection: close")
    _, cassette = await recorded(deck, asked, ok())
    assert (cassette.asked.method, cassette.end.end) == (method.decode(), "complete")
    (file,) = deck.files()
    assert file.name.endswith(f"-1-{'X' * 60}.jsonl")


async def test_what_is_refused_before_the_upstream_is_asked_is_no_exchange_with_it(
    record: StartDeck,
) -> None:
    deck = await record(proxy={"strip": "/v1"})
    assert b" 404 " in await raw(deck.server.port, ask(b"/other"))
    upgrade = (b"Connection: Upgrade", b"Upgrade: websocket")
    assert b" 501 " in await raw(deck.server.port, ask(b"/v1", *upgrade))
    await deck.server.stop()
    assert deck.files() == []
