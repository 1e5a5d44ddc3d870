"""Boundaries on the wire: what each read of a raw socket returns, on both event loops."""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable

import pytest

from streamserver.lab.target.app import make_target
from streamserver.server.phase import Outcome
from streamserver.wire.chunked import Decoder, End
from streamserver.wire.sse import Parser
from support.answers import chunks
from support.inprocess import Served, running
from support.loops import Run, open_spares
from support.rawsocket import connect
from support.requests import get
from support.waiting import wait_until

GAP = 0.01
"""Seconds between writes: the client, which runs in the same loop, reads meanwhile."""


async def reads(served: Served, query: str, version: bytes = b"1.1") -> list[bytes]:
    """What each read returns of an event stream, from the end of its head."""
    target = f"/sse?seed=1&{query}".encode()
    sent = get(target, b"Connection: close").replace(b"HTTP/1.1", b"HTTP/" + version)
    found = []
    loop = asyncio.get_running_loop()
    async with connect(served.port) as client:
        await client.send(sent)
        while part := await loop.sock_recv(client.sock, 65536):
            found.append(part)
    head, _, rest = found[0].partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK")
    return [rest, *found[1:]] if rest else found[1:]


def body(parts: list[bytes]) -> bytes:
    """The data of the chunks, which end with the last-chunk."""
    *data, end = [one for decoder in [Decoder()] for part in parts for one in decoder.feed(part)]
    assert isinstance(end, End)
    return b"".join([one for one in data if isinstance(one, bytes)])


def data_of(stream: bytes) -> list[str]:
    """The data of each event."""
    return [event.data for event in Parser().feed(stream)]


Test = Callable[[Served], Awaitable[None]]


def on_target(run: Run, test: Test) -> None:
    """Run the test with a target in a loop of its own."""

    async def main(loop: asyncio.AbstractEventLoop) -> None:
        await open_spares()
        async with running(make_target()) as served:
            await test(served)

    run(main)


@pytest.mark.parametrize(
    ("query", "lengths"),
    [
        # 40 bytes of an event make a chunk of 46: "28\r\n" before them and "\r\n" after.
        ("", [46, 46, 5]),
        ("write_size=10", [10, 10, 10, 10, 6, 10, 10, 10, 10, 6, 5]),
        ("write_size=20&write_events=2", [20] * 4 + [12, 5]),
        ("write_events=2", [92, 5]),
        ("write_split=framing", [3, 43, 3, 43, 5]),
        ("write_split=event", [24, 22, 24, 22, 5]),
        ("write_split=character", [34, 12, 34, 12, 5]),
        ("chunk_split=event", [26, 26, 26, 26, 5]),
        ("chunk_events=2", [86, 5]),
        ("chunk_events=2&chunk_size=60", [66, 26, 5]),
        ("chunk_size=1&write_events=1", [40 * 6, 40 * 6, 5]),
    ],
)
def test_each_write_is_a_read_of_its_own(run: Run, query: str, lengths: list[int]) -> None:
    async def test(served: Served) -> None:
        found = await reads(served, f"count=2&gap=0&size=7&text=utf8&write_gap={GAP}&{query}")
        assert [len(part) for part in found] == lengths
        assert [json.loads(data)["seq"] for data in data_of(body(found))] == [0, 1]

    on_target(run, test)


def test_a_line_end_may_be_cut(run: Run) -> None:
    async def test(served: Served) -> None:
        query = f"count=1&line_end=crlf&write_split=crlf&write_gap={GAP}"
        first, second, last = await reads(served, query)
        assert first.endswith(b"\r\nid: 0\r")
        assert second.startswith(b"\ndata: ")
        assert last == b"0\r\n\r\n"

    on_target(run, test)


@pytest.mark.parametrize(
    "query",
    [
        "chunk_split=event",
        "chunk_split=character",
        "chunk_split=crlf",
        "chunk_events=5&chunk_size=3",
        "chunk_events=10",
        "write_size=1",
        "write_split=framing&write_size=7",
        "write_events=10&write_size=11",
        "write_split=character&chunk_split=crlf",
        "bandwidth=100000",
    ],
)
async def test_no_boundary_changes_the_stream(target: Served, query: str) -> None:
    """Chunked, and in HTTP/1.0, which has no chunks."""
    common = "count=10&gap=0&size=20&text=utf8&line_end=crlf"
    plain = body(await reads(target, common))
    assert len(data_of(plain)) == 10
    assert body(await reads(target, f"{common}&{query}")) == plain
    assert b"".join(await reads(target, f"{common}&{query}", b"1.0")) == plain


@pytest.mark.parametrize(("name", "end"), [("lf", "\n"), ("crlf", "\r\n"), ("cr", "\r")])
async def test_line_ends(target: Served, name: str, end: str) -> None:
    query = f"count=2&gap=0&size=1&line_end={name}"
    stream = body(await reads(target, query)).decode()
    assert re.fullmatch("(id: .<data: {.+}<<){2}".replace("<", end), stream)
    assert [json.loads(data)["seq"] for data in data_of(stream.encode())] == [0, 1]


async def test_chunks_have_the_requested_boundaries(target: Served) -> None:
    """Without boundaries of writes each chunk is a write."""
    async with connect(target.port) as client:
        await client.send(get(b"/raw?count=9&gap=0&size=10&chunk_events=4&chunk_size=15&seed=1"))
        received = await client.read_until(b"\r\n0\r\n\r\n")
    assert [len(chunk) for chunk in chunks(received)] == [15, 15, 10, 15, 15, 10, 10]
    assert target.ended[0].bytes_sent == 90


async def test_only_the_body_is_counted(target: Served) -> None:
    for query in ("write_size=3", "write_events=2", "write_split=framing"):
        await reads(target, f"count=4&gap=0&size=10&{query}")
        assert target.ended[-1].outcome is Outcome.COMPLETE
        sent = target.ended[-1].bytes_sent
        assert sent == len(body(await reads(target, "count=4&gap=0&size=10")))


async def test_a_client_that_leaves_within_an_event_ends_the_stream(target: Served) -> None:
    async with connect(target.port) as client:
        await client.send(get(b"/sse?write_size=1&write_gap=10"))
        await client.read_until(b"\r\n\r\n")
    assert await wait_until(lambda: [one.outcome for one in target.ended]) == [Outcome.CLIENT_GONE]


@pytest.mark.parametrize(
    "query",
    ["", "chunk_events=3", "write_events=4", "write_size=7", "chunk_size=5&bandwidth=90000"],
)
async def test_a_stream_breaks_at_its_position_with_any_boundaries(
    target: Served, query: str
) -> None:
    """The client receives all events before it, and neither more nor the last-chunk."""
    common = "count=9&gap=0&fault=truncate@event:5"
    decoder, stream = Decoder(), b""
    for part in await reads(target, f"{common}&{query}"):
        found = decoder.feed(part)
        stream += b"".join([one for one in found if isinstance(one, bytes)])
    assert not decoder.done
    assert [json.loads(data)["seq"] for data in data_of(stream)] == [0, 1, 2, 3, 4]
    assert stream.endswith(b"\n\n")
