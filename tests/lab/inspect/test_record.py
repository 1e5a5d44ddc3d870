"""Recording: each read with its time, and every end that a server can give."""

import asyncio
import contextlib
import ssl
import time
from collections.abc import AsyncIterator
from time import monotonic_ns
from typing import Any

import pytest

from streamserver.kit.request import Request
from streamserver.kit.response import Response
from streamserver.lab.client.client import server_of
from streamserver.lab.client.request import RequestSpec
from streamserver.lab.inspect.record import Limits, StallMeter, encode, record
from streamserver.lab.inspect.recording import Read, Recording
from streamserver.proxy.origin import client_context
from streamserver.serving.tls import server_context
from support.certificates import Certificate
from support.inprocess import Serve
from support.rawserver import RawServer
from support.rawsocket import RawClient
from support.upstreams import refusing_port, send_until_blocked
from support.waiting import wait_until

HEAD = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
SOON = 0.05


class Recorded:
    """A recording that runs, and the server's side of its connection."""

    def __init__(self, peer: RawClient, task: "asyncio.Task[Recording]") -> None:
        self.peer = peer
        self._task = task
        self.reads: list[Read] = []

    async def arrived(self, data: bytes) -> None:
        """Send these bytes, and wait until they have been read."""
        before = b"".join(read.data for read in self.reads)
        await self.peer.send(data)
        await wait_until(lambda: b"".join(read.data for read in self.reads) == before + data)

    async def recording(self) -> Recording:
        """The recording when it has ended."""
        return await asyncio.wait_for(self._task, 10.0)


@contextlib.asynccontextmanager
async def recorded(
    upstream: RawServer, until: Any = None, **limits: Any
) -> AsyncIterator[Recorded]:
    """A recording whose request has reached the server."""
    spec = RequestSpec(f"{upstream.url}/a?b")
    reads: list[Read] = []

    def observe(read: Read) -> object:
        reads.append(read)
        return until and until(read)

    work = record(encode(spec), server_of(spec), limits=Limits(**limits), until=observe)
    task = asyncio.create_task(work)
    try:
        found = Recorded(await upstream.asked(), task)
        found.reads = reads
        yield found
    finally:
        task.cancel()
        await asyncio.wait([task])


async def test_each_read_has_its_time(upstream: RawServer) -> None:
    async with recorded(upstream) as at:
        await at.arrived(HEAD)
        await asyncio.sleep(SOON)
        await at.arrived(b"1\r\na\r\n")
        await at.arrived(b"0\r\n\r\n")
        found = await at.recording()
    assert (found.end, found.detail, found.alpn) == ("complete", "", None)
    assert [read.data for read in found.reads] == [HEAD, b"1\r\na\r\n", b"0\r\n\r\n"]
    first, second, third = (read.at for read in found.reads)
    assert 0 <= first <= second - SOON * 0.9
    assert second <= third == found.ended
    assert found.connected > 0
    assert found.request.startswith(b"GET /a?b HTTP/1.1\r\nhost: 127.0.0.1")


async def test_a_close_is_no_reset(upstream: RawServer) -> None:
    async with recorded(upstream) as at:
        await at.arrived(HEAD)
        at.peer.sock.close()
        found = await at.recording()
    assert (found.end, found.detail) == ("closed", "the server closed the connection")
    async with recorded(upstream) as at:
        await at.arrived(HEAD)
        at.peer.reset()
        found = await at.recording()
    assert (found.end, found.detail) == ("reset", "[Errno 104] Connection reset by peer")


@pytest.mark.parametrize(
    ("limits", "sent", "end", "detail"),
    [
        ({"head": SOON}, b"HTTP/1.1 2", "timeout", "the head was not complete within 0.05 s"),
        ({"head": SOON}, b"HTTP/1.1 103 \r\n\r\n", "timeout", "the head was not complete"),
        ({"seconds": SOON}, HEAD + b"1\r\n", "stopped", "0.05 s after the head"),
        ({"size": 100}, HEAD + b"64\r\n" + b"a" * 99, "stopped", "limited to 100 bytes or 100000"),
        ({"reads": 1}, HEAD, "stopped", "limited to 8388608 bytes or 1 reads"),
        ({}, b"SSH-2.0\r\n", "failed", "must begin with HTTP/1.1"),
        ({}, b"HTTP/1.1 200 OK\r\n" + b"a" * 70_000, "failed", "the head is longer than 65536"),
        ({}, HEAD + b"x\r\n", "failed", "a chunk begins with its size"),
    ],
)
async def test_every_recording_ends(
    upstream: RawServer, limits: dict[str, Any], sent: bytes, end: str, detail: str
) -> None:
    async with recorded(upstream, **limits) as at:
        await at.peer.send(sent)
        found = await at.recording()
    assert found.end == end
    assert detail in found.detail
    assert sent.startswith(b"".join(read.data for read in found.reads))


@pytest.mark.parametrize(
    "start",
    [
        b"HTTP/1.1 200 OK\r\n\r\n",
        HEAD + b"40000000\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 9999999999\r\n\r\n",
    ],
)
async def test_an_endless_body_is_bounded(upstream: RawServer, start: bytes) -> None:
    async with recorded(upstream, size=1_000_000) as at:
        await at.peer.send(start)
        with contextlib.suppress(ConnectionError):
            await send_until_blocked(at.peer)
        found = await at.recording()
    assert found.end == "stopped"
    assert 1_000_000 <= sum(len(read.data) for read in found.reads) < 2_000_000


async def test_an_endless_head_is_refused(upstream: RawServer) -> None:
    async with recorded(upstream) as at:
        await at.peer.send(b"HTTP/1.1 200 OK\r\n")
        with contextlib.suppress(ConnectionError):
            while True:
                await at.peer.send(b"a: b\r\n" * 1000)
        found = await at.recording()
    assert (found.end, "the head is longer" in found.detail) == ("failed", True)


async def test_until_ends_it(upstream: RawServer) -> None:
    async with recorded(upstream, until=lambda read: b"enough" in read.data) as at:
        await at.arrived(HEAD)
        await at.peer.send(b"6\r\nenough")
        found = await at.recording()
        assert await at.peer.read_until() == found.request  # the connection is closed
    assert (found.end, found.detail) == ("stopped", "enough was seen")


async def test_no_connection(upstream: RawServer) -> None:
    with refusing_port() as port:
        spec = RequestSpec(f"http://127.0.0.1:{port}/")
        found = await record(encode(spec), server_of(spec))
    assert (found.end, found.reads, found.connected) == ("failed", [], 0.0)
    assert "Connect call failed" in found.detail
    spec = RequestSpec(f"{upstream.url.replace('http', 'https')}/")
    found = await record(encode(spec), server_of(spec), limits=Limits(connect=SOON))
    assert (found.end, found.detail) == ("failed", "no connection within 0.05 s")


@pytest.mark.parametrize("is_early", [False, True])
async def test_times_count_from_the_end_of_a_request_that_is_not_answered_early(
    upstream: RawServer, is_early: bool
) -> None:
    size = 8_000_000
    spec = RequestSpec(upstream.url, "POST", body=b"x" * size)
    task = asyncio.create_task(record(encode(spec), server_of(spec)))
    peer = await upstream.asked()
    if is_early:
        await peer.send(HEAD)
        await asyncio.sleep(SOON)
    now = monotonic_ns()
    await peer.read_until(lambda received: len(received) > size)
    await peer.send(b"0\r\n\r\n" if is_early else HEAD + b"0\r\n\r\n")
    found = await asyncio.wait_for(task, 10.0)
    assert (found.sent_at < now) is is_early
    times = [read.at for read in found.reads]
    assert times == sorted(times)
    assert times[0] >= 0


async def hello(request: Request) -> Response:
    return Response("hello")


async def test_tls_and_its_protocol(serve: Serve, certificate: Certificate) -> None:
    server = await serve(hello, tls=server_context(*certificate))
    spec = RequestSpec(f"https://127.0.0.1:{server.port}/")
    found = await record(encode(spec), server_of(spec))
    assert found.end == "failed"
    assert "certificate verify failed" in found.detail
    trusted = client_context(certificate.cert)
    found = await record(encode(spec), server_of(spec, trusted))
    assert (found.end, found.alpn) == ("complete", "http/1.1")
    assert found.reads[-1].data.endswith(b"hello")
    silent = ssl.create_default_context(cafile=certificate.cert)
    found = await record(encode(spec), server_of(spec, silent))
    assert (found.end, found.alpn) == ("complete", "")


def test_the_request_is_encoded_with_other_fields_and_versions() -> None:
    fields = (("Accept", "text/event-stream"), ("user-agent", "me"))
    spec = RequestSpec("http://a/b", "POST", fields, b"{n}")
    request = encode(spec, ("accept", "*/*"), ("accept-encoding", "gzip"), version="1.0", n=7)
    head, _, body = request.partition(b"\r\n\r\n")
    assert head.split(b"\r\n") == [
        b"POST /b HTTP/1.0",
        b"host: a",
        b"user-agent: me",
        b"accept: */*",
        b"accept-encoding: gzip",
        b"content-length: 1",
    ]
    assert body == b"7"
    assert b"user-agent: streamserver-inspect\r\n" in encode(RequestSpec("http://a/"))


# How late the recorder was itself


async def test_a_busy_loop_is_measured() -> None:
    meter = StallMeter()
    meter.start()
    await asyncio.sleep(0.03)
    time.sleep(0.2)  # not asyncio's: nothing runs meanwhile
    await asyncio.sleep(0)
    meter.stop()
    assert meter.worst > 0.15


async def test_a_busy_loop_is_measured_until_the_end() -> None:
    meter = StallMeter()
    meter.start()
    time.sleep(0.1)
    meter.stop()
    assert meter.worst > 0.05


async def test_nothing_is_measured_before_the_start() -> None:
    meter = StallMeter()
    meter.stop()
    assert meter.worst == 0
