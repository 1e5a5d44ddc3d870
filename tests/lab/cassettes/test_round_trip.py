"""Recording, replaying and recording again yields the same cassette."""

import asyncio
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamserver.lab.cassettes.recorder import RecordingProxy
from streamserver.lab.cassettes.replay import make_replay
from streamserver.proxy.proxy import Proxy
from support.answers import chunks
from support.cassettes import read_cassette
from support.hearing import drip
from support.inprocess import running
from support.rawserver import raw_server
from support.rawsocket import connect, until_end
from support.relaying import CHUNKED_HEAD, LAST_CHUNK, chunk
from support.requests import get

ASK = get(b"/", b"Connection: close")
ENDS = {"complete": LAST_CHUNK, "truncated": b""}


async def receive(port: int) -> bytes:
    async with connect(port) as client:
        await client.send(ASK)
        await until_end(client, 20.0)
        return client.received


async def record_twice(directory: Path, pieces: list[bytes], end: str) -> None:
    """Record a response, replay it, and record the replay."""
    async with raw_server() as upstream:
        recording = RecordingProxy(Proxy(upstream.url), directory / "first")
        async with running(recording) as relay:
            receiving = asyncio.create_task(receive(relay.port))
            peer = await upstream.asked()
            await drip(peer, [CHUNKED_HEAD, *map(chunk, pieces), ENDS[end]])
            peer.sock.close()
            relayed = await receiving
    (file,) = (directory / "first").iterdir()
    first = read_cassette(file)
    assert b"".join(first.pieces) == b"".join(pieces)
    assert first.end.end == end
    assert chunks(relayed) == first.pieces, "one read is one chunk"
    async with running(make_replay(directory / "first")) as target:
        replayed = await receive(target.port)
        recording = RecordingProxy(Proxy(target.url), directory / "second")
        async with running(recording) as relay:
            await receive(relay.port)
    assert chunks(replayed) == first.pieces
    assert replayed.endswith(LAST_CHUNK) == relayed.endswith(LAST_CHUNK) == (end == "complete")
    (file,) = (directory / "second").iterdir()
    second = read_cassette(file)
    assert b"".join(second.pieces) == b"".join(first.pieces)
    assert second.end.end == end


@settings(max_examples=15)
@given(
    pieces=st.lists(st.binary(min_size=1, max_size=300) | st.text(min_size=1).map(str.encode)),
    end=st.sampled_from([*ENDS]),
)
def test_a_second_recording_is_the_same(
    tmp_path_factory: pytest.TempPathFactory, pieces: list[bytes], end: str
) -> None:
    asyncio.run(record_twice(tmp_path_factory.mktemp("copy"), pieces, end))
