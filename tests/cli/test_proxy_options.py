"""What each option of `proxy` does to what is relayed, seen from both sides of the wire."""

import contextlib
from typing import Protocol

import pytest

from streamserver.cli import proxy
from support.inprocess import Serve, Served
from support.passing import pass_on
from support.rawserver import RawServer
from support.rawsocket import connect
from support.relaying import CHUNKED_HEAD, EVENTS_HEAD, LAST_CHUNK, chunk, ok
from support.requests import GET, get

SOON = 3.0
"""Seconds within which a wait of 50 ms is over, and none of the defaults."""


class Start(Protocol):
    """Start a relay to `upstream` with these options; https if it is `secure`."""

    async def __call__(self, *argv: str, secure: bool = False) -> Served: ...


@pytest.fixture
def start(upstream: RawServer, serve: Serve) -> Start:
    async def start(*argv: str, secure: bool = False) -> Served:
        url = upstream.url.replace("http:", "https:") if secure else upstream.url
        return await serve(proxy.read([url, *argv], {})[1])

    return start


# What passes


WHO = get(b"/", b"X-Forwarded-For: 192.0.2.1", b"Connection: close")
OURS, THEIRS = b"x-forwarded-for: 127.0.0.1", b"x-forwarded-for: 192.0.2.1"


@pytest.mark.parametrize(
    ("mode", "expected"),
    [("replace", [OURS]), ("append", [THEIRS + b", 127.0.0.1"]), ("off", [])],
)
async def test_forwarded(
    start: Start, upstream: RawServer, mode: str, expected: list[bytes]
) -> None:
    passed = await pass_on(await start("--forwarded", mode), upstream, WHO)
    assert [line for line in passed.fields if line.startswith(b"x-forwarded-for")] == expected


@pytest.mark.parametrize(("option", "expected"), [("--keep-host", b"a"), ("--no-keep-host", b"")])
async def test_keep_host(start: Start, upstream: RawServer, option: str, expected: bytes) -> None:
    passed = await pass_on(await start(option), upstream, get(b"/", b"Connection: close"))
    host = expected or upstream.url.removeprefix("http://").encode()
    assert b"\r\nhost: %b\r\n" % host in passed.up


@pytest.mark.parametrize("option", ["--server-timing", "--no-server-timing"])
async def test_server_timing(start: Start, upstream: RawServer, option: str) -> None:
    passed = await pass_on(await start(option), upstream, get(b"/", b"Connection: close"))
    assert (b"server-timing: " in passed.down.lower()) == (option == "--server-timing")


@pytest.mark.parametrize(("how", "reported"), [("cut", False), ("event", True)])
async def test_on_break(start: Start, upstream: RawServer, how: str, reported: bool) -> None:
    server = await start("--on-break", how)
    async with connect(server.port) as client:
        await client.send(GET)
        peer = await upstream.asked()
        await peer.send(EVENTS_HEAD + chunk(b"data: 1\n\n"))
        await client.read_until(b"data: 1\n\n")
        peer.sock.close()
        with contextlib.suppress(ConnectionResetError):
            await client.read_until()
    assert (b"event: error\n" in client.received) == reported
    assert not client.received.endswith(LAST_CHUNK)


async def test_relay_heartbeat(start: Start, upstream: RawServer) -> None:
    server = await start("--relay-heartbeat", "0.05")
    async with connect(server.port) as client:
        await client.send(GET)
        peer = await upstream.asked()
        await peer.send(EVENTS_HEAD)
        await client.read_until(b":\n\n", SOON)


async def test_max_body(start: Start, upstream: RawServer) -> None:
    server = await start("--max-body", "3")
    async with connect(server.port) as client:
        await client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n")
        await client.read_until(b"HTTP/1.1 413 ", SOON)


# How long it waits


async def test_connect_timeout(start: Start, upstream: RawServer) -> None:
    server = await start("--connect-timeout", "0.05", secure=True)
    async with connect(server.port) as client:
        await client.send(GET)
        await upstream.accept()  # and no word of TLS
        await client.read_until(b"did not accept a connection in time", SOON)
    assert client.received.startswith(b"HTTP/1.1 504 ")


async def test_first_byte_timeout(start: Start, upstream: RawServer) -> None:
    server = await start("--first-byte-timeout", "0.05")
    async with connect(server.port) as client:
        await client.send(GET)
        await upstream.asked()
        await client.read_until(b"did not respond in time", SOON)
    assert client.received.startswith(b"HTTP/1.1 504 ")


@pytest.mark.parametrize("option", ["--gap-timeout", "--total-timeout"])
async def test_gap_and_total_timeout(start: Start, upstream: RawServer, option: str) -> None:
    server = await start(option, "0.05")
    async with connect(server.port) as client:
        await client.send(GET)
        peer = await upstream.asked()
        await peer.send(CHUNKED_HEAD + chunk(b"begun"))
        with contextlib.suppress(ConnectionResetError):
            await client.read_until(timeout=SOON)
    assert client.received.endswith(chunk(b"begun"))


# How many connections it keeps


async def test_pool_open_and_pool_wait(start: Start, upstream: RawServer) -> None:
    server = await start("--pool-open", "1", "--pool-wait", "0.05")
    async with connect(server.port) as first, connect(server.port) as second:
        await first.send(GET)
        await upstream.asked()
        await second.send(GET)
        await second.read_until(b"all connections to the upstream are in use", SOON)
    assert second.received.startswith(b"HTTP/1.1 503 ")


@pytest.mark.parametrize("option", ["--pool-idle=0", "--pool-idle-timeout=0.05"])
async def test_pool_idle_and_its_timeout(start: Start, upstream: RawServer, option: str) -> None:
    server = await start(option)
    async with connect(server.port) as client:
        await client.send(GET)
        peer = await upstream.asked()
        await peer.send(ok(b"whole"))
        await client.read_until(b"whole")
        with contextlib.suppress(ConnectionResetError):
            await peer.read_until(timeout=SOON)
