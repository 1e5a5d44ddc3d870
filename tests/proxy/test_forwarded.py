"""The fields that name the client: replaced, appended, or left out."""

import asyncio
import socket
from collections.abc import Sequence
from pathlib import Path

import pytest

from streamserver.kit.service import service
from streamserver.proxy.forwarding import UNTRUSTED
from streamserver.proxy.proxy import Proxy
from streamserver.server.listener import Listener
from support.passing import VIA, fields_up, lines, pass_on
from support.rawserver import RawServer, raw_server
from support.rawsocket import RawClient
from support.relaying import StartRelay, ok
from support.requests import LAST, get

AFRESH = [
    b"x-forwarded-for: 127.0.0.1",
    b"x-forwarded-proto: http",
    b"x-forwarded-host: a",
    b"forwarded: for=127.0.0.1;proto=http;host=a",
]


@pytest.mark.parametrize("name", sorted(UNTRUSTED))
async def test_a_client_is_not_believed(name: str, relay: StartRelay, upstream: RawServer) -> None:
    """By default, because any client can write these fields."""
    sent = [b"%b: 6.6.6.6" % name.encode(), b"X: y", b"%b: 6.6.6.7" % name.title().encode()]
    fields = await fields_up(relay, upstream, *sent, forwarded="replace")
    assert fields == [b"x: y", *AFRESH, VIA]


@pytest.mark.parametrize("name", sorted(UNTRUSTED))
async def test_switched_off_no_such_field_is_sent(
    name: str, relay: StartRelay, upstream: RawServer
) -> None:
    """Neither the relay's nor the client's."""
    assert await fields_up(relay, upstream, b"%b: 6.6.6.6" % name.encode(), b"X: y") == [
        *(b"x: y", VIA)
    ]


APPENDED: dict[str, tuple[Sequence[bytes], list[bytes]]] = {
    "nothing": ((), AFRESH),
    "one address": (
        (b"X-Forwarded-For: 10.0.0.1",),
        [b"x-forwarded-for: 10.0.0.1, 127.0.0.1", *AFRESH[1:]],
    ),
    "a list in several lines": (
        (b"X-Forwarded-For: 10.0.0.1,10.0.0.2", b"X: y", b"x-forwarded-for: 10.0.0.3"),
        [b"x: y", b"x-forwarded-for: 10.0.0.1,10.0.0.2, 10.0.0.3, 127.0.0.1", *AFRESH[1:]],
    ),
    "elements": (
        (b'Forwarded: for="[::2]";proto=https', b"Forwarded: for=b"),
        [
            b'forwarded: for="[::2]";proto=https, for=b, for=127.0.0.1;proto=http;host=a',
            *AFRESH[:3],
        ],
    ),
    "what is said once": (
        (b"X-Forwarded-Proto: https", b"X-Forwarded-Host: b", b"X-Real-IP: 10.0.0.1"),
        [
            b"x-forwarded-proto: https",
            b"x-forwarded-host: b",
            b"x-real-ip: 10.0.0.1",
            AFRESH[0],
            AFRESH[3],
        ],
    ),
    "what Connection names": (
        (b"X-Forwarded-For: 10.0.0.1", b"Connection: X-Forwarded-For, X-Forwarded-Proto"),
        [b"x-forwarded-for: 10.0.0.1, 127.0.0.1", *AFRESH[1:]],
    ),
}


@pytest.mark.parametrize(("sent", "expected"), APPENDED.values(), ids=APPENDED)
async def test_the_relays_values_follow_those_of_a_proxy_in_front(
    sent: Sequence[bytes], expected: list[bytes], relay: StartRelay, upstream: RawServer
) -> None:
    """Lists grow at their end; of a single value, the first counts."""
    assert await fields_up(relay, upstream, *sent, forwarded="append") == [*expected, VIA]


HOSTS = {
    b"b.example": b"b.example",
    b"b.example:81": b'"b.example:81"',
    b"[::1]:81": b'"[::1]:81"',
    b"(b)": b'"(b)"',
}


@pytest.mark.parametrize(("host", "expected"), HOSTS.items())
async def test_a_host_that_is_no_token_is_quoted(
    host: bytes, expected: bytes, relay: StartRelay, upstream: RawServer
) -> None:
    """RFC 7239, section 4; also where the target names it, which then counts."""
    server = await relay()
    passed = await pass_on(server, upstream, get(b"http://%b/" % host, b"Connection: close"))
    assert b"x-forwarded-host: " + host in passed.fields
    assert b"forwarded: for=127.0.0.1;proto=http;host=" + expected in passed.fields


async def client_fields_from(listening: socket.socket) -> list[bytes]:
    """The fields that a relay on this socket sends about a client."""
    client = socket.socket(listening.family, socket.SOCK_STREAM)
    async with raw_server() as upstream:
        listener = Listener(service(Proxy(upstream.url)))
        await listener.start(sock=listening)
        with client:
            client.setblocking(False)
            await asyncio.get_running_loop().sock_connect(client, listening.getsockname())
            await RawClient(client).send(LAST)
            peer = await upstream.asked()
            await peer.send(ok())
            await RawClient(client).read_until()
        await listener.stop()
    return lines(peer.received)[2:]


async def test_a_client_with_an_ipv6_address() -> None:
    """Bare in the older field, in brackets and quotes in Forwarded (RFC 7239, section 6)."""
    expected = await client_fields_from(socket.create_server(("::1", 0), family=socket.AF_INET6))
    assert expected == [
        b"x-forwarded-for: ::1",
        *AFRESH[1:3],
        b'forwarded: for="[::1]";proto=http;host=a',
        VIA,
    ]


async def test_a_client_behind_a_unix_socket(tmp_path: Path) -> None:
    """It has no address, and none is made up (RFC 7239, section 6.2)."""
    sock = socket.socket(socket.AF_UNIX)
    sock.bind(str(tmp_path / "s"))
    assert await client_fields_from(sock) == [
        b"x-forwarded-for: unknown",
        *AFRESH[1:3],
        b"forwarded: for=unknown;proto=http;host=a",
        VIA,
    ]
