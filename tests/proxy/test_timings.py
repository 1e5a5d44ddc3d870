"""How long the upstream took: in the access log, and by option in the response."""

import asyncio
import json
import re
import time
from typing import Any

import pytest

from streamserver.observe.accesslog import json_line, text_line
from streamserver.proxy.settings import Timeouts
from support.beating import ASK, INTERVAL, early
from support.hearing import hear_response
from support.inprocess import Served
from support.rawserver import RawServer
from support.rawsocket import RawClient, connect
from support.relaying import CHUNKED_HEAD, LAST_CHUNK, StartRelay, chunk, ok
from support.requests import GET
from support.stage import staged
from support.upstreams import refusing_port
from support.waiting import wait_until

NOW = "2026-11-22T16:51:05.123Z"
MS = r"[0-9]+\.[0-9]{1,2}"
DELAY = 0.05


async def logged(server: Served, count: int = 1) -> dict[str, Any]:
    """The line of the last of that many exchanges, which has the same values in both forms."""
    exchange = (await wait_until(lambda: server.ended[count - 1 :]))[0]
    line: dict[str, Any] = json.loads(json_line(NOW, exchange))
    notes = {name: str(line[name]) for name in list(line)[13:]}
    assert dict(note.split("=") for note in text_line(NOW, exchange).split()[9:]) == notes
    return line


async def answer(upstream: RawServer, client: RawClient, data: bytes = b"hello") -> RawClient:
    """Serve one request on a new connection."""
    await client.send(GET)
    peer = await upstream.asked()
    await peer.send(ok(data))
    await client.read_until(data)
    return peer


async def test_a_connection_is_made_once(relay: StartRelay, upstream: RawServer) -> None:
    """A reused connection is reported as reused, not as a time of zero."""
    server = await relay()
    async with connect(server.port) as client:
        peer = await answer(upstream, client)
        first = await logged(server)
        await client.send(GET)
        await peer.read_until(lambda got: got.count(b"\r\n\r\n") == 2)
        await peer.send(ok(b"again"))
        second = await logged(server, 2)
    assert list(first)[-2:] == ["connect_ms", "upstream_ms"]
    assert 0 <= first["connect_ms"] <= first["upstream_ms"] <= first["total_ms"]
    assert list(second)[-2:] == ["connect", "upstream_ms"]
    assert second["connect"] == "reused"


async def test_each_time_is_its_own(relay: StartRelay, upstream: RawServer) -> None:
    """The upstream waits before its head, before its first piece, and before its end."""
    server = await relay()
    async with connect(server.port) as client:
        await client.send(GET)
        peer = await upstream.asked()
        for part in (CHUNKED_HEAD, chunk(b"piece"), LAST_CHUNK):
            await asyncio.sleep(DELAY)
            await peer.send(part)
            await client.read_until(part[-4:])
        line = await logged(server)
    delay = DELAY * 1000 - 2  # the grain of two clocks
    assert line["upstream_ms"] >= delay
    assert line["connect_ms"] + delay <= line["upstream_ms"]
    assert line["upstream_ms"] + delay <= line["first_byte_ms"]
    assert line["first_byte_ms"] + delay <= line["total_ms"]
    assert (line["status"], line["bytes"], line["outcome"]) == (200, 5, "complete")


async def test_a_refused_connection_took_none() -> None:
    with refusing_port() as port:
        async with staged(port=port) as at:
            client = await at.begin(GET)
            await client.read_until(b"}")
            line = await logged(at.server)
    assert (line["status"], line["outcome"]) == (502, "complete")
    assert list(line)[13:] == []


async def test_an_upstream_that_never_responds_has_a_connect_time(
    relay: StartRelay, upstream: RawServer
) -> None:
    server = await relay(timeouts=Timeouts(first_byte=0.05))
    async with connect(server.port) as client:
        await client.send(GET)
        await upstream.asked()
        await client.read_until(b"}")
        line = await logged(server)
    assert line["status"] == 504
    assert list(line)[13:] == ["connect_ms"]


async def test_a_stream_that_is_cut_has_its_times(relay: StartRelay, upstream: RawServer) -> None:
    server = await relay()
    async with connect(server.port) as client:
        await client.send(GET)
        peer = await upstream.asked()
        await peer.send(CHUNKED_HEAD + chunk(b"piece"))
        await client.read_until(b"piece")
        peer.reset()
        line = await logged(server)
    assert line["outcome"] == "truncated"
    assert line["first_byte_ms"] >= line["upstream_ms"]


async def test_a_repeated_request_has_the_connect_time_of_its_new_connection(
    relay: StartRelay, upstream: RawServer
) -> None:
    """The stale connection does not count."""
    server = await relay()
    async with connect(server.port) as client:
        peer = await answer(upstream, client)
        await client.send(GET)
        await peer.read_until(lambda got: got.count(b"\r\n\r\n") == 2)
        peer.sock.close()
        await (await upstream.asked()).send(ok(b"again"))
        await client.read_until(b"again")
        assert "connect_ms" in await logged(server, 2)


# Server-Timing


FIRST = rf"connect;dur={MS}, upstream;dur=({MS})"
SECOND = rf"reused, upstream;dur=({MS})"
# The grammar of the standard (W3C Server Timing, section 3), which matches the two above.
METRIC = rf"[a-z]+(;dur={MS})?"
METRICS = re.compile(rf"{METRIC}(, {METRIC})*")


async def test_a_response_has_its_times(relay: StartRelay, upstream: RawServer) -> None:
    server = await relay(server_timing=True)
    async with connect(server.port) as client:
        began = time.monotonic()
        await client.send(GET)
        peer = await upstream.asked()
        await asyncio.sleep(DELAY)
        await peer.send(ok(b"hello", b"Server-Timing: db;dur=53.2"))
        first = (await hear_response(client)).headers.get_all("server-timing")
        passed = (time.monotonic() - began) * 1000
        await client.send(GET)
        await peer.read_until(lambda got: got.count(b"\r\n\r\n") == 2)
        await peer.send(ok(b"hello"))
        second = (await hear_response(client)).headers.get_all("server-timing")
        line = await logged(server)
    assert first[0] == "db;dur=53.2"  # the upstream's own
    found = re.fullmatch(FIRST, first[1])
    assert found, first
    assert DELAY * 1000 - 2 <= float(found[1]) <= passed
    assert float(found[1]) == line["upstream_ms"]
    assert re.fullmatch(SECOND, second[0]), second
    assert all(METRICS.fullmatch(value) for value in first + second)


@pytest.mark.parametrize("options", [{}, {"server_timing": False}])
async def test_without_the_option_it_has_none(
    relay: StartRelay, upstream: RawServer, options: dict[str, Any]
) -> None:
    server = await relay(**options)
    async with connect(server.port) as client:
        await answer(upstream, client)
    assert b"server-timing" not in client.received


async def test_an_early_head_has_no_times(relay: StartRelay, upstream: RawServer) -> None:
    """The upstream has not responded yet."""
    server = await relay(heartbeat=INTERVAL, server_timing=True)
    async with connect(server.port) as client:
        await early(server, upstream, client, ASK)
        assert b"upstream;dur" not in client.received
        assert b"reused" not in client.received
