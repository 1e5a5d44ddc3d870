"""Requests that a relay refuses by itself, without the upstream."""

from typing import Any

import pytest

from support.answers import body, detail, statuses
from support.passing import CLOSE, LAST_GET, VIA, fields_up, pass_on
from support.rawserver import RawServer
from support.rawsocket import connect, raw
from support.relaying import StartRelay, ok
from support.requests import get, post, request
from support.upstreams import has_caller

WEBSOCKET = (
    b"Connection: Upgrade",
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    b"Sec-WebSocket-Version: 13",
)
WEBSOCKETS = {
    "a WebSocket": get(b"/", b"Upgrade: websocket", *WEBSOCKET),
    "in another case": get(b"/", b"upgrade: WebSocket", *WEBSOCKET),
    "among others": get(b"/", b"Upgrade: h2c, websocket", *WEBSOCKET),
    "in a second line": get(b"/", b"Upgrade: h2c", b"Upgrade: websocket", *WEBSOCKET),
    "in a later version": get(b"/", b"Upgrade: websocket", *WEBSOCKET).replace(b"/1.1", b"/1.2"),
    "named on a second line": get(b"/", b"Upgrade: websocket", b"Connection: x", *WEBSOCKET),
}


@pytest.mark.parametrize("sent", WEBSOCKETS.values(), ids=WEBSOCKETS)
async def test_no_websocket_is_relayed(sent: bytes, relay: StartRelay, upstream: RawServer) -> None:
    """The refusal is sent at once, and the connection stays usable."""
    server = await relay()
    async with connect(server.port) as client:
        await client.send(sent)
        received = await client.read_until(b"}\n")
        assert statuses(received) == [501]
        assert "WebSocket" in detail(received)
        assert b"application/problem+json" in received
        assert not has_caller(upstream)
        await client.send(request(b"CONNECT a:80 HTTP/1.1", b"Host: a"))
        assert statuses(await client.read_until()) == [501, 501]


OFFERED = [
    *(b"Upgrade: h2c", b"Upgrade: H2C", b"Upgrade: h2c, h2c", b"Upgrade:", b"Upgrade: ,"),
    *(b"Upgrade: h2c-14", b"Upgrade: TLS/1.0", b"Upgrade: x-websocket", b"Upgrade: web socket"),
]


@pytest.mark.parametrize("line", OFFERED, ids=bytes.decode)
async def test_an_offer_of_another_protocol_is_ignored(
    line: bytes, relay: StartRelay, upstream: RawServer
) -> None:
    """Clients such as curl and Java's make such offers, and need no upgrade (RFC 9110, 7.8)."""
    sent = (line, b"Connection: Upgrade, HTTP2-Settings", b"HTTP2-Settings: AAMAAABk")
    assert await fields_up(relay, upstream, *sent) == [VIA]


NO_REQUEST_FOR_ONE = {
    "not named by Connection": get(b"/", b"Upgrade: websocket", *WEBSOCKET[1:], CLOSE),
    "HTTP/1.0": request(b"GET / HTTP/1.0", b"Host: a", b"Upgrade: websocket", *WEBSOCKET),
    "another method": post(b"hello", fields=[b"Upgrade: websocket", *WEBSOCKET, CLOSE]),
}


@pytest.mark.parametrize("sent", NO_REQUEST_FOR_ONE.values(), ids=NO_REQUEST_FOR_ONE)
async def test_an_upgrade_that_does_not_bind_is_ignored(
    sent: bytes, relay: StartRelay, upstream: RawServer
) -> None:
    """It is not passed on either (RFC 9110, section 7.8; RFC 6455, section 4.1)."""
    passed = await pass_on(await relay(), upstream, sent, ok(b"hello"))
    assert statuses(passed.down) == [200]
    assert b"upgrade" not in passed.up.lower()


UNSERVED: dict[str, tuple[bytes, dict[str, Any], tuple[int, ...]]] = {
    "CONNECT": (request(b"CONNECT a:80 HTTP/1.1", b"Host: a:80"), {}, (501, 405)),
    "CONNECT with a path": (request(b"CONNECT / HTTP/1.1", b"Host: a"), {}, (501, 405)),
    "CONNECT of HTTP/1.0": (request(b"CONNECT a:80 HTTP/1.0"), {}, (501, 405)),
    "TRACE": (request(b"TRACE / HTTP/1.1", b"Host: a", CLOSE), {}, (501, 405)),
    "another scheme": (request(b"GET ftp://a/ HTTP/1.1", b"Host: a"), {}, (400,)),
    "a host as target": (request(b"GET a:80 HTTP/1.1", b"Host: a"), {}, (400,)),
    "a user in the target": (request(b"GET http://u@a/ HTTP/1.1", b"Host: a"), {}, (400,)),
    "outside what is served": (get(b"/v2/one", CLOSE), {"strip": "/v1"}, (404,)),
    "above the base": (get(b"/%2e%2e/one", CLOSE), {"base": "/base"}, (400,)),
    "above the base from inside": (
        get(b"/v1/one/..\\..", CLOSE),
        {"base": "/base", "strip": "/v1"},
        (400,),
    ),
    "a body larger than may be": (post(b"hello", fields=[CLOSE]), {"max_body": 4}, (413,)),
    "a length larger than may be": (post(b"", length=5, fields=[CLOSE]), {"max_body": 4}, (413,)),
    "an expectation that nobody knows": (
        post(b"hello", fields=[b"Expect: a-miracle", CLOSE]),
        {},
        (417,),
    ),
}


@pytest.mark.parametrize(("sent", "options", "status"), UNSERVED.values(), ids=UNSERVED)
async def test_what_is_not_relayed(
    sent: bytes,
    options: dict[str, Any],
    status: tuple[int, ...],
    relay: StartRelay,
    upstream: RawServer,
) -> None:
    received = await raw((await relay(**options)).port, sent)
    assert len(statuses(received)) == 1
    assert statuses(received)[0] in status
    assert body(received).startswith(b'{"title"')
    assert detail(received)
    assert not has_caller(upstream)


async def test_a_refusal_of_the_relay_has_no_via(relay: StartRelay, upstream: RawServer) -> None:
    """A response of the upstream has a Via."""
    server = await relay(strip="/v1")
    assert b"\r\nvia:" not in await raw(server.port, LAST_GET)
    passed = await pass_on(server, upstream, get(b"/v1", CLOSE))
    assert b"\r\nvia:" in passed.down
