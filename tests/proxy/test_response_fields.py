"""The fields of a response: which are removed, and which are passed on unchanged."""

from collections.abc import Sequence

import pytest

from support.answers import body
from support.passing import DATE, LAST_GET, VIA, lines, pass_on
from support.rawserver import RawServer
from support.rawsocket import connect
from support.relaying import StartRelay, ok
from support.requests import GET

LOWER_DATE = b"date: Thu, 01 Jan 1970 00:00:00 GMT"


async def fields_down(relay: StartRelay, upstream: RawServer, *sent: bytes) -> list[bytes]:
    """The lines that a client gets of these in an empty response, without the engine's own."""
    passed = await pass_on(await relay(), upstream, LAST_GET, ok(b"", *sent, DATE))
    status, *fields = lines(passed.down)
    assert status == b"HTTP/1.1 200 OK"
    assert fields[-2:] == [b"content-length: 0", b"connection: close"]
    assert fields[-4:-2] == [LOWER_DATE, VIA]
    return fields[:-4]


async def test_nothing_is_invented(relay: StartRelay, upstream: RawServer) -> None:
    """No Server, no Content-Type, no Cache-Control."""
    assert await fields_down(relay, upstream) == []


async def test_a_missing_date_is_added(relay: StartRelay, upstream: RawServer) -> None:
    """By the first recipient (RFC 9110, section 6.6.1)."""
    passed = await pass_on(await relay(), upstream, LAST_GET, ok())
    status, via, date, *_ = lines(passed.down)
    assert (status, via) == (b"HTTP/1.1 200 OK", VIA)
    assert date.startswith(b"date: ")


async def test_fields_that_are_passed_on_keep_their_order(
    relay: StartRelay, upstream: RawServer
) -> None:
    """Cookies stay apart, and values as they are, down to bytes that are not ASCII."""
    sent = (
        *(b"Set-Cookie: a=1; Path=/", b"X-One: 1", b"Set-Cookie: b=2, c", b"X-Two:\tcaf\xc3\xa9 "),
        *(b"Server: them/1", b"x-one: 2", b"X-Empty:", b"Content-Type: text/html", b"Vary: a,b"),
        *(b"Content-Encoding: gzip", b'ETag: W/"x"', b"Location: http://b/%2F", b"Upgraded: no"),
        *(b"Trailers: no special field", b"Age: 1", b"WWW-Authenticate: Basic, Digest a=b"),
    )
    assert await fields_down(relay, upstream, *sent) == [
        *(b"set-cookie: a=1; Path=/", b"x-one: 1", b"set-cookie: b=2, c", b"x-two: caf\xc3\xa9"),
        *(b"server: them/1", b"x-one: 2", b"x-empty: ", b"content-type: text/html", b"vary: a,b"),
        *(b"content-encoding: gzip", b'etag: W/"x"', b"location: http://b/%2F", b"upgraded: no"),
        *(b"trailers: no special field", b"age: 1", b"www-authenticate: Basic, Digest a=b"),
    ]


STOPS = {
    "Connection": b"Connection: keep-alive",
    "Connection: close": b"Connection: close",
    "Keep-Alive": b"Keep-Alive: timeout=5, max=100",
    "Proxy-Connection": b"Proxy-Connection: keep-alive",
    "Proxy-Authenticate": b"Proxy-Authenticate: Basic",
    "TE": b"TE: trailers",
    "Trailer": b"Trailer: X-Sum",
    "Upgrade": b"Upgrade: h2c, websocket",
}


@pytest.mark.parametrize("line", STOPS.values(), ids=STOPS)
async def test_fields_about_one_connection_are_removed(
    line: bytes, relay: StartRelay, upstream: RawServer
) -> None:
    assert await fields_down(relay, upstream, line, b"X: y") == [b"x: y"]


NAMED: dict[str, Sequence[bytes]] = {
    "one": (b"X-Hop: 1", b"Connection: X-Hop"),
    "in another case": (b"x-hop: 1", b"Connection: close, X-HOP"),
    "before it and behind it": (b"X-Hop: 1", b"Connection: X-Hop", b"X-Hop: 2"),
    "in two lines": (b"X-Pop: 2", b"Connection: X-Hop", b"Connection: X-Pop", b"X-Hop: 1"),
    "behind an empty line": (b"Connection:", b"Connection: X-Hop", b"X-Hop: 1"),
}


@pytest.mark.parametrize("sent", NAMED.values(), ids=NAMED)
async def test_fields_that_connection_names_are_removed(
    sent: Sequence[bytes], relay: StartRelay, upstream: RawServer
) -> None:
    assert await fields_down(relay, upstream, *sent, b"X: y") == [b"x: y"]


async def test_connection_removes_nothing_that_matters(
    relay: StartRelay, upstream: RawServer
) -> None:
    """The length shows whether the body is complete; Via and Date are the relay's."""
    line = b"Connection: Content-Length, Via, Transfer-Encoding, Connection"
    passed = await pass_on(await relay(), upstream, LAST_GET, ok(b"hello", line, DATE))
    assert lines(passed.down)[1:] == [
        *(LOWER_DATE, VIA, b"content-length: 5", b"connection: close")
    ]
    assert body(passed.down) == b"hello"


async def test_a_client_stays_whether_the_upstream_does_or_not(
    relay: StartRelay, upstream: RawServer
) -> None:
    """Each hop has persistence of its own (RFC 9112, section 9.6)."""
    server = await relay()
    async with connect(server.port) as client:
        for number in (1, 2):
            await client.send(GET)
            peer = await upstream.asked()
            await peer.send(ok(b"%d" % number, b"Connection: close"))
            await client.read_until(b"\r\n\r\n%d" % number)
    assert b"connection:" not in client.received


VERSIONS = {b"HTTP/1.1 200 OK": VIA, b"HTTP/1.0 200 OK": b"via: 1.0 streamserver"}


@pytest.mark.parametrize(("line", "via"), VERSIONS.items(), ids=["1.1", "1.0"])
async def test_via_has_the_version_that_was_received(
    line: bytes, via: bytes, relay: StartRelay, upstream: RawServer
) -> None:
    """It is added after existing ones (RFC 9110, section 7.6.3)."""
    answer = line + b"\r\nVia: 1.1 a, 2 b\r\nContent-Length: 0\r\n\r\n"
    passed = await pass_on(await relay(), upstream, LAST_GET, answer)
    expected = [line for line in lines(passed.down) if line.startswith(b"via:")]
    assert expected == [b"via: 1.1 a, 2 b", via]


STATUSES = {
    b"200 OK": b"200 OK",
    b"200 Fine": b"200 OK",
    b"200": b"200 OK",
    b"201 Created": b"201 Created",
    b"299 Whatever": b"299 ",
    b"302 Found": b"302 Found",
    b"404 Not Found": b"404 Not Found",
    b"429 Too Many Requests": b"429 Too Many Requests",
    b"500 Internal Server Error": b"500 Internal Server Error",
    b"503 Service Unavailable": b"503 Service Unavailable",
    b"599 \xe9": b"599 ",
    b"999 Odd": b"999 ",
}


@pytest.mark.parametrize(("status", "expected"), STATUSES.items(), ids=map(repr, STATUSES))
async def test_any_status_is_relayed(
    status: bytes, expected: bytes, relay: StartRelay, upstream: RawServer
) -> None:
    """With its body and its fields, errors too; the reason phrase is the relay's."""
    answer = ok(b"hello", b"Retry-After: 7").replace(b"200 OK", status)
    passed = await pass_on(await relay(), upstream, LAST_GET, answer)
    assert lines(passed.down)[:2] == [b"HTTP/1.1 " + expected, b"retry-after: 7"]
    assert body(passed.down) == b"hello"
