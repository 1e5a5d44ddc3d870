"""What a relay records of an exchange: the request, each read from the upstream, and the end."""

import hashlib
from time import monotonic_ns

import pytest

from lab.cassettes.conftest import StartRelay
from streamserver.lab.cassettes.cassette import RequestBody
from support.cassettes import EMPTY, Cassette, RecordingRelay
from support.hearing import drip, hear_response, read_on
from support.rawsocket import RawClient, connect, raw
from support.relaying import CHUNKED_HEAD, EVENTS_HEAD, LAST_CHUNK, chunk, ok
from support.requests import LAST, chunked, get, post, request

PIECES = [b"data: one\n\n", b"data: two\n\n", b"data: \xe4\xb8", b"\x96\n\n"]
UNTIL_CLOSE = b"HTTP/1.1 200 OK\r\n\r\n"


async def recorded(relay: RecordingRelay, sent: bytes, *answer: bytes) -> tuple[bytes, Cassette]:
    """All that the client received, and the cassette."""
    async with connect(relay.server.port) as client:
        await client.send(sent)
        peer = await relay.upstream.asked()
        await drip(peer, answer)
        peer.sock.close()
        with_end = await read_all(client)
    (cassette,) = await relay.cassettes()
    return with_end, cassette


async def read_all(client: RawClient) -> bytes:
    try:
        return await client.read_until()
    except ConnectionResetError:
        return client.received


def ask(target: bytes = b"/", *fields: bytes) -> bytes:
    return get(target, b"Connection: close", *fields)


async def test_a_stream(record: StartRelay) -> None:
    relay = await record()
    before = monotonic_ns()
    async with connect(relay.server.port) as client:
        await client.send(ask(b"/events?a=%20b", b"X-One: 1", b"X-One: 2"))
        peer = await relay.upstream.asked()
        await peer.send(EVENTS_HEAD)
        await client.read_until(b"\r\n\r\n")
        for piece in PIECES:
            await peer.send(chunk(piece))
            await read_on(client)
        await peer.send(LAST_CHUNK)
        await client.read_until(LAST_CHUNK)
    took = monotonic_ns() - before
    (cassette,) = await relay.cassettes()
    assert cassette.request.method == "GET"
    assert cassette.request.target == "/events?a=%20b"
    expected = [("host", "a"), ("connection", "close"), ("x-one", "1"), ("x-one", "2")]
    assert cassette.request.fields == expected
    assert cassette.request.body == RequestBody(0, EMPTY)
    assert cassette.head is not None
    assert cassette.head.status == 200
    assert cassette.head.fields == [
        ("content-type", "text/event-stream"),
        ("transfer-encoding", "chunked"),
    ]
    assert cassette.pieces == PIECES
    times = [cassette.head.after, *[read.after for read in cassette.reads], cassette.end.after]
    assert all(times), "one read each"
    assert sum(times) <= took
    assert (cassette.end.end, cassette.end.reads, cassette.end.bytes) == ("complete", 4, 33)


async def test_one_read_is_one_line_whatever_it_contains(record: StartRelay) -> None:
    relay = await record()
    first = EVENTS_HEAD + chunk(b"a") + chunk(b"b")
    _, cassette = await recorded(relay, ask(), first, chunk(b"c")[:-1], b"\n" + chunk(b"d") * 2)
    assert cassette.pieces == [b"ab", b"c", b"dd"]
    assert cassette.reads[0].after == 0


@pytest.mark.parametrize("name", ["head and body", "pieces", "chunks"])
async def test_a_request_with_a_body(record: StartRelay, name: str) -> None:
    relay = await record()
    body = '{"prompt": "Grüße"}'.encode()
    async with connect(relay.server.port) as client:
        if name == "head and body":
            await client.send(post(body))
            peer = await relay.upstream.asked()
        else:
            sent = post(body) if name == "pieces" else chunked(body[:9], body[9:])
            await client.send(sent[:-12])
            peer = await relay.upstream.asked()
            await client.send(sent[-12:])
        await peer.read_until(b'\xc3\x9fe"}')
        await peer.send(ok(b"answer"))
        await client.read_until(b"answer")
    (cassette,) = await relay.cassettes()
    digest = hashlib.sha256(body).hexdigest()
    assert cassette.request.body == RequestBody(len(body), digest, body.decode())


@pytest.mark.parametrize("body", [b"\xff", b"x" * 65537])
async def test_only_the_hash_of_a_binary_or_long_body_is_recorded(
    record: StartRelay, body: bytes
) -> None:
    relay = await record()
    async with connect(relay.server.port) as client:
        await client.send(post(body))
        peer = await relay.upstream.asked()
        await peer.read_until(body[-1:] * len(body))
        await peer.send(ok())
        await client.read_until(b"\r\n\r\n")
    (cassette,) = await relay.cassettes()
    assert cassette.request.body == RequestBody(len(body), hashlib.sha256(body).hexdigest())


async def test_a_response_that_begins_before_the_request_is_complete(record: StartRelay) -> None:
    """The request is the first entry, so earlier reads are held back."""
    relay = await record()
    async with connect(relay.server.port) as client:
        sent = chunked(b"one", b"two")
        await client.send(sent[:-10])
        peer = await relay.upstream.asked()
        await peer.send(CHUNKED_HEAD + chunk(b"early"))
        await client.read_until(b"early")
        await client.send(sent[-10:])
        await peer.read_until(LAST_CHUNK)
        await peer.send(LAST_CHUNK)
        await client.read_until(LAST_CHUNK)
    (cassette,) = await relay.cassettes()
    assert cassette.request.body == RequestBody(6, hashlib.sha256(b"onetwo").hexdigest(), "onetwo")
    assert cassette.pieces == [b"early"]
    assert cassette.end.end == "complete"


async def test_an_incomplete_request(record: StartRelay) -> None:
    relay = await record()
    async with connect(relay.server.port) as client:
        await client.send(chunked(b"one", b"two")[:-10])
        await relay.upstream.asked()
    (cassette,) = await relay.cassettes()
    assert cassette.request.body.sha256 is None
    assert (cassette.head, cassette.end.end) == (None, "client_gone")


@pytest.mark.parametrize(
    ("sent", "answer"),
    [
        (ask(), b"HTTP/1.1 204 No Content\r\n\r\n"),
        (ask(), b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"),
        (request(b"HEAD / HTTP/1.1", b"Host: a", b"Connection: close"), ok(b"")),
    ],
)
async def test_a_response_without_a_body(record: StartRelay, sent: bytes, answer: bytes) -> None:
    relay = await record()
    _, cassette = await recorded(relay, sent, answer)
    assert cassette.head is not None
    assert str(cassette.head.status).encode() in answer
    assert (cassette.pieces, cassette.end.end) == ([], "complete")


async def test_interim_responses_and_trailers(record: StartRelay) -> None:
    relay = await record()
    hint = b"HTTP/1.1 103 -\r\nLink: </a>\r\n\r\n"
    last = b"0\r\nX-Sum: 1\r\nX-Token: secret-0123\r\n\r\n"
    _, cassette = await recorded(relay, ask(), hint, CHUNKED_HEAD, chunk(b"a"), last)
    assert [(head.status, head.fields) for head in cassette.interim] == [(103, [("link", "</a>")])]
    assert cassette.end.trailers == [("x-sum", "1"), ("x-token", "REDACTED")]


async def test_what_the_relay_adds_is_not_recorded(record: StartRelay) -> None:
    relay = await record(proxy={"heartbeat": 0.01, "on_break": "event", "inject": {"x-mine": "1"}})
    async with connect(relay.server.port) as client:
        await client.send(ask(b"/", b"Accept: text/event-stream"))
        peer = await relay.upstream.asked()
        await client.read_until(b":\n\n")
        await peer.send(EVENTS_HEAD + chunk(PIECES[0]))
        await client.read_until(PIECES[0])
        peer.sock.close()
        assert b"event: error" in await read_all(client)
    (cassette,) = await relay.cassettes()
    assert "x-mine" not in dict(cassette.request.fields)
    assert cassette.pieces == [PIECES[0]]
    assert cassette.end.end == "truncated"


async def test_each_exchange_of_a_connection_has_a_cassette(record: StartRelay) -> None:
    relay = await record()
    async with connect(relay.server.port) as client:
        await client.send(get(b"/1") + get(b"/2") + LAST)
        peer = await relay.upstream.accept()
        for target in (b"/1", b"/2", b"/last"):
            await peer.read_until(b"GET " + target + b" ")
            await peer.send(ok(target))
        answers = [(await hear_response(client)).content for _ in range(3)]
    cassettes = await relay.cassettes(3)
    assert [cassette.pieces for cassette in cassettes] == [[answer] for answer in answers]
    assert [cassette.request.target for cassette in cassettes] == ["/1", "/2", "/last"]
    (first, *_) = relay.files()
    assert first.name.endswith("-1-GET-1.jsonl")


async def test_any_request_has_a_file_name(record: StartRelay) -> None:
    relay = await record()
    method, target = b"X" * 300, b"/../%00/" + b"y" * 300
    sent = request(method + b" " + target + b" HTTP/1.1", b"Host: a", b"Connection: close")
    _, cassette = await recorded(relay, sent, ok())
    assert (cassette.request.method, cassette.end.end) == (method.decode(), "complete")
    (file,) = relay.files()
    assert file.name.endswith(f"-1-{'X' * 60}.jsonl")


async def test_a_request_that_the_relay_refuses_is_not_recorded(
    record: StartRelay,
) -> None:
    relay = await record(proxy={"strip": "/v1"})
    assert b" 404 " in await raw(relay.server.port, ask(b"/other"))
    upgrade = (b"Connection: Upgrade", b"Upgrade: websocket")
    assert b" 501 " in await raw(relay.server.port, ask(b"/v1", *upgrade))
    await relay.server.stop()
    assert relay.files() == []
