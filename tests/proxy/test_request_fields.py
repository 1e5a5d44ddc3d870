"""The fields of a request: which are removed, and which are passed on unchanged.

The upstream is raw, so the test sees each line as it was sent.
"""

from collections.abc import Sequence

import pytest

from streamserver.kit.request import Request
from streamserver.kit.response import Response
from streamserver.proxy.proxy import Proxy
from streamserver.wire.fields import Headers
from support.inprocess import Serve
from support.passing import LAST_GET, VIA, fields_up, lines, pass_on
from support.rawserver import RawServer
from support.rawsocket import connect, raw
from support.relaying import StartRelay, ok
from support.requests import LAST, OLD, get, post
from support.upstreams import has_caller


async def test_nothing_is_invented(relay: StartRelay, upstream: RawServer) -> None:
    """No User-Agent, no Accept-Encoding: they would not be the client's."""
    passed = await pass_on(await relay(), upstream, LAST_GET)
    assert lines(passed.up) == [
        b"GET / HTTP/1.1",
        b"host: 127.0.0.1:%d" % upstream.port,
        b"x-forwarded-for: 127.0.0.1",
        b"x-forwarded-proto: http",
        b"x-forwarded-host: a",
        b"forwarded: for=127.0.0.1;proto=http;host=a",
        VIA,
    ]


async def test_fields_that_are_passed_on_keep_their_order(
    relay: StartRelay, upstream: RawServer
) -> None:
    """Repeated fields stay apart, and values as they are, down to bytes that are not ASCII."""
    sent = (
        *(b"Accept: text/html;q=0.5", b"X-One: 1", b"Cookie: a=1", b"X-Two: \t caf\xc3\xa9 \xff "),
        *(b"Accept: */*", b"X-Empty:", b"X-one: 2,  3", b"Cookie: b=2; c", b"User-Agent: mine"),
        *(b"Authorization: Basic eDp5", b'If-None-Match: "x", W/"y"', b"Accept-Encoding: br"),
    )
    assert await fields_up(relay, upstream, *sent) == [
        *(b"accept: text/html;q=0.5", b"x-one: 1", b"cookie: a=1", b"x-two: caf\xc3\xa9 \xff"),
        *(b"accept: */*", b"x-empty: ", b"x-one: 2,  3", b"cookie: b=2; c", b"user-agent: mine"),
        *(b"authorization: Basic eDp5", b'if-none-match: "x", W/"y"', b"accept-encoding: br"),
        VIA,
    ]


STOPS = {
    "Keep-Alive": b"Keep-Alive: timeout=5",
    "Proxy-Connection": b"Proxy-Connection: keep-alive",
    "Proxy-Authenticate": b"Proxy-Authenticate: Basic",
    "Proxy-Authorization": b"Proxy-Authorization: Basic eDp5",
    "TE": b"TE: gzip, deflate;q=0.5",
    "Trailer": b"Trailer: X-Sum",
    "an upgrade that is ignored": b"Upgrade: h2c",
    "an expectation without a body": b"Expect: 100-continue",
}


@pytest.mark.parametrize("line", STOPS.values(), ids=STOPS)
async def test_fields_about_one_connection_are_removed(
    line: bytes, relay: StartRelay, upstream: RawServer
) -> None:
    assert await fields_up(relay, upstream, line, b"X: y") == [b"x: y", VIA]


NAMED: dict[str, Sequence[bytes]] = {
    "one": (b"X-Hop: 1", b"Connection: X-Hop"),
    "in another case": (b"X-HOP: 1", b"Connection: x-hop"),
    "before it and behind it": (b"X-Hop: 1", b"Connection: X-Hop", b"X-Hop: 2"),
    "among others": (b"X-Hop: 1", b"Connection: keep-alive , X-Hop,close"),
    "in two lines": (b"Connection: X-Hop", b"Connection: X-Pop", b"X-Hop: 1", b"X-Pop: 2"),
    "behind an empty line": (b"Connection:", b"Connection: X-Hop", b"X-Hop: 1"),
    "an empty list": (b"Connection: , ,",),
    "nothing that is there": (b"Connection: X-Absent",),
    "no token": (b'Connection: "X, y", @',),
    "what curl sends to offer HTTP/2": (
        b"Connection: Upgrade, HTTP2-Settings",
        b"Upgrade: h2c",
        b"HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA",
    ),
}


@pytest.mark.parametrize("sent", NAMED.values(), ids=NAMED)
async def test_fields_that_connection_names_are_removed(
    sent: Sequence[bytes], relay: StartRelay, upstream: RawServer
) -> None:
    assert await fields_up(relay, upstream, *sent, b"X: y") == [b"x: y", VIA]


MATTERS = (
    b"Connection: Host, Content-Length, Transfer-Encoding, X-Key, Via, Forwarded, "
    b"X-Forwarded-For, X-Forwarded-Host, X-Forwarded-Proto, close"
)


@pytest.mark.parametrize("forwarded", ["replace", "append"])
async def test_connection_removes_nothing_that_matters(
    forwarded: str, relay: StartRelay, upstream: RawServer
) -> None:
    """The host, the framing, the key and the client's address arrive whatever a client names."""
    server = await relay(forwarded=forwarded, inject={"X-Key": "k"})
    passed = await pass_on(server, upstream, post(b"hello", fields=[MATTERS]), body=b"hello")
    assert passed.fields == [
        b"x-key: k",
        b"x-forwarded-for: 127.0.0.1",
        b"x-forwarded-proto: http",
        b"x-forwarded-host: a",
        b"forwarded: for=127.0.0.1;proto=http;host=a",
        b"content-length: 5",
        VIA,
    ]


# Which host


HOSTS = {"a name": b"b.example:81", "an address": b"[::1]:81", "another case": b"B.Example"}


@pytest.mark.parametrize("host", HOSTS.values(), ids=HOSTS)
@pytest.mark.parametrize("keep", [False, True], ids=["the upstream's", "the client's"])
async def test_the_host(keep: bool, host: bytes, relay: StartRelay, upstream: RawServer) -> None:
    """It is the upstream's own, or by option the client's; and it comes first."""
    server = await relay(forwarded="off", keep_host=keep)
    sent = b"GET / HTTP/1.1\r\nX: y\r\nHost: %b\r\nConnection: close, host\r\n\r\n" % host
    own = b"127.0.0.1:%d" % upstream.port
    up = lines((await pass_on(server, upstream, sent)).up)
    assert up == [b"GET / HTTP/1.1", b"host: " + (host if keep else own), b"x: y", VIA]


@pytest.mark.parametrize("keep", [False, True], ids=["the upstream's", "the client's"])
async def test_a_client_of_http_1_0_may_name_no_host(
    keep: bool, relay: StartRelay, upstream: RawServer
) -> None:
    """Then there is none to keep, and an HTTP/1.1 request without one would be refused."""
    server = await relay(keep_host=keep)
    up = lines((await pass_on(server, upstream, OLD)).up)
    assert up == [
        b"GET / HTTP/1.1",
        b"host: 127.0.0.1:%d" % upstream.port,
        b"x-forwarded-for: 127.0.0.1",
        b"x-forwarded-proto: http",
        b"forwarded: for=127.0.0.1;proto=http",
        b"via: 1.0 streamserver",
    ]


# Via


async def test_via_grows(relay: StartRelay, upstream: RawServer) -> None:
    """It lists the hops, each with the version that it received (RFC 9110, 7.6.3)."""
    assert await fields_up(relay, upstream, b"Via: 1.0 a, 2 b", b"Via: 1.1 c") == [
        *(b"via: 1.0 a, 2 b", b"via: 1.1 c", VIA)
    ]


# TE


@pytest.mark.parametrize(
    "sent",
    [
        (b"TE: trailers",),
        (b"TE: trailers", b"Connection: TE"),
        (b"TE: gzip;q=0.5, Trailers",),
        (b"TE: gzip", b"TE: trailers"),
        (b"TE: trailers", b"TE: trailers"),
    ],
    ids=lambda sent: b" | ".join(sent).decode(),
)
async def test_trailers_are_requested(
    sent: Sequence[bytes], relay: StartRelay, upstream: RawServer
) -> None:
    """By the relay's own TE field (RFC 9110, section 10.1.4)."""
    assert await fields_up(relay, upstream, *sent) == [b"te: trailers", b"connection: te", VIA]


async def test_a_client_of_http_1_0_takes_no_trailers(
    relay: StartRelay, upstream: RawServer
) -> None:
    server = await relay(forwarded="off")
    passed = await pass_on(server, upstream, b"GET / HTTP/1.0\r\nTE: trailers\r\n\r\n")
    assert passed.fields == [b"via: 1.0 streamserver"]


async def test_the_handlers_request_stays_unchanged(upstream: RawServer, serve: Serve) -> None:
    """The changes are made for the upstream only, so a log has what the client sent."""
    proxy = Proxy(upstream.url + "/base", strip="/v1", drop=["X"], inject={"Y": "ours"})
    expected: list[tuple[str, Headers]] = []

    async def handler(asked: Request) -> Response:
        before = asked.headers.copy()
        answer = await proxy(asked)
        assert asked.headers == before
        expected.append((asked.target, before))
        return answer

    server = await serve(handler)
    sent = get(b"/v1/one", b"X: y", b"Y: theirs", b"Connection: close, Z", b"Z: hop")
    assert lines((await pass_on(server, upstream, sent)).up)[0] == b"GET /base/one HTTP/1.1"
    fields = [("host", "a"), ("x", "y"), ("y", "theirs"), ("connection", "close, Z"), ("z", "hop")]
    assert expected == [("/v1/one", Headers(fields))]
    assert server.ended[0].target == "/v1/one"


@pytest.mark.parametrize(
    ("name", "value"),
    [("x", "a\r\nb: c"), ("x: a\r\nb", "c"), ("x: a", "b"), ("host", "a\r\nb: c")],
)
async def test_a_malformed_field_of_the_handler_is_not_sent(
    name: str, value: str, upstream: RawServer, serve: Serve
) -> None:
    """Fields that were checked when they were read are not checked again; a new one is."""
    proxy = Proxy(upstream.url)

    async def handler(request: Request) -> Response:
        request.headers[name] = value
        return await proxy(request)

    server = await serve(handler)
    assert (await raw(server.port, LAST)).startswith(b"HTTP/1.1 500 ")
    assert not has_caller(upstream)


async def test_a_malformed_field_added_to_the_response_is_not_sent(
    upstream: RawServer, serve: Serve
) -> None:
    proxy = Proxy(upstream.url)

    async def handler(request: Request) -> Response:
        response = await proxy(request)
        response.headers["x"] = "a\r\nb: c"
        return response

    server = await serve(handler)
    async with connect(server.port) as client:
        await client.send(LAST)
        await (await upstream.asked()).send(ok(b"body"))
        received = await client.read_until()
    assert received.startswith(b"HTTP/1.1 500 ")
    assert b"b: c" not in received
