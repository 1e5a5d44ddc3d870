"""Which hosts a server answers to: a name that DNS may rebind to this machine is none of them."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest

from streamserver.kit.guards import known_hosts
from streamserver.kit.request import Request
from streamserver.kit.response import Response
from streamserver.kit.service import service
from streamserver.server.listener import Listener
from streamserver.server.settings import Settings
from streamserver.wire.forwarded import TrustedPeers
from support.answers import statuses
from support.inprocess import Served, running
from support.rawsocket import RawClient, raw
from support.requests import request

NAMES = ("demo.example", "Other.Example.")


async def handler(request: Request) -> Response:
    return Response(request.target)


@asynccontextmanager
async def guarded(*names: str) -> AsyncIterator[Served]:
    """A server on 127.0.0.1 that answers to these names."""
    async with running(handler, front=partial(known_hosts, names=names)) as server:
        yield server


def asking(host: str, line: str = "GET / HTTP/1.1") -> bytes:
    return request(line.encode(), b"Host: " + host.encode(), b"Connection: close")


@pytest.mark.parametrize(
    "host",
    [
        *("localhost", "localhost:8000", "LocalHost", "localhost.", "localhost.:8000"),
        *("app.localhost", "a.b.localhost:1", "APP.LOCALHOST."),
        *("127.0.0.1", "127.0.0.1:8000", "127.9.9.9", "127.0.0.1.", "192.0.2.7", "8.8.8.8:80"),
        *("[::1]", "[::1]:8000", "[2001:DB8::1]", "[::ffff:127.0.0.1]"),
        *("demo.example", "demo.example:9", "DEMO.example.", "other.example"),
    ],
)
async def test_hosts_that_are_known(host: str) -> None:
    async with guarded(*NAMES) as server:
        assert statuses(await raw(server.port, asking(host))) == [200]


FOREIGN = [
    *("evil.example", "evil.example:8000", "localhost.evil.example", "notlocalhost", "local"),
    *("demo.example.evil.example", "a.demo.example", "127.0.0.1.evil.example", "127.0.0.01"),
    *("2130706433", "0x7f.0.0.1", "127.1", "%6cocalhost", "localhost..", ".localhost.x", "*"),
]


@pytest.mark.parametrize("host", FOREIGN)
async def test_others_are_misdirected(host: str) -> None:
    async with guarded(*NAMES) as server:
        received = await raw(server.port, asking(host))
    assert statuses(received) == [421]
    problem = json.loads(received.partition(b"\r\n\r\n")[2])
    assert problem["title"] == "Misdirected Request"
    assert problem["detail"] == (
        "this server answers to localhost, IP addresses and the names that --allow-host adds,"
        f" not to {host!r}"
    )


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        # Of an absolute-form, the target's host is the one that counts (RFC 9112, section 3.2.2).
        (asking("127.0.0.1", "GET http://evil.example/ HTTP/1.1"), 421),
        (asking("evil.example", "GET http://127.0.0.1:8000/ HTTP/1.1"), 200),
        (asking("evil.example", "OPTIONS * HTTP/1.1"), 421),
        (asking("evil.example", "GET / HTTP/1.0"), 421),
        (b"GET / HTTP/1.0\r\n\r\n", 200),
        (b"GET http://evil.example/ HTTP/1.0\r\n\r\n", 421),
    ],
)
async def test_other_forms_of_a_request(sent: bytes, status: int) -> None:
    async with guarded() as server:
        assert statuses(await raw(server.port, sent)) == [status]


async def test_a_host_that_a_proxy_names_does_not_count() -> None:
    """A page whose name was rebound can send any field to a server that trusts its own machine."""
    trusted, front = TrustedPeers("127.0.0.1"), partial(known_hosts, names=())
    async with running(handler, front=front, trusted=trusted) as server:
        sent = asking("evil.example").replace(b"\r\n", b"\r\nX-Forwarded-Host: localhost\r\n", 1)
        assert statuses(await raw(server.port, sent)) == [421]


async def test_any_host_is_known_where_that_is_wanted() -> None:
    async with guarded("demo.example", "*") as server:
        assert statuses(await raw(server.port, asking("evil.example"))) == [200]


# By where the client connected to

OUTSIDE = ("192.0.2.1", 9)
"""An address to which nothing is sent (RFC 5737): only the way there is looked up."""


def own_address() -> str:
    """An address of this machine that others reach."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try:
            sock.connect(OUTSIDE)
        except OSError:
            pytest.skip("this machine has none but loopback addresses")
        return str(sock.getsockname()[0])


def listening(where: str, directory: Path) -> socket.socket:
    """A socket of this kind."""
    if where == "unix":
        sock = socket.socket(socket.AF_UNIX)
        sock.bind(str(directory / "socket"))
        return sock
    if where == "every address":
        return socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True)
    if where == "::1":
        return socket.create_server((where, 0), family=socket.AF_INET6)
    return socket.create_server((own_address(), 0))


@pytest.mark.parametrize(
    ("where", "names", "status"),
    [
        ("::1", (), 421),
        ("every address", (), 421),  # the client comes over 127.0.0.1
        ("unix", (), 200),
        ("unix", NAMES, 421),
        ("another address", (), 200),
        ("another address", NAMES, 421),
    ],
)
async def test_a_loopback_address_is_guarded_and_others_where_names_are_given(
    tmp_path: Path, where: str, names: tuple[str, ...], status: int
) -> None:
    listener = Listener(known_hosts(service(handler), names), Settings())
    sock = listening(where, tmp_path)
    address = sock.getsockname()
    await listener.start(sock=sock)
    at = ("127.0.0.1", address[1]) if where == "every address" else address
    family = socket.AF_INET if where == "every address" else sock.family
    with socket.socket(family) as client:
        client.setblocking(False)
        await asyncio.get_running_loop().sock_connect(client, at)
        peer = RawClient(client)
        for host, expected in (("evil.example", status), ("localhost", 200)):
            peer.received = b""
            await peer.send(asking(host).replace(b"Connection: close", b"Accept: */*"))
            received = await peer.read_until(b"}\n" if expected == 421 else b"\r\n\r\n/")
            assert statuses(received) == [expected]
    await listener.stop(1)
