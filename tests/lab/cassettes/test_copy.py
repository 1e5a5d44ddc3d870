"""What is recorded and played again is the same, whatever it was and however it came."""

import asyncio
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamserver.lab.cassettes.library import parts
from streamserver.lab.cassettes.recorder import Recorder, Recording
from streamserver.lab.cassettes.replay import make_replay
from streamserver.proxy.proxy import Proxy
from support.answers import chunks
from support.cassettes import taken_apart
from support.hearing import drip
from support.inprocess import running
from support.rawserver import raw_server
from support.rawsocket import connect, until_end
from support.relaying import CHUNKED_HEAD, LAST_CHUNK, chunk
from support.requests import get

ASK = get(b"/", b"Connection: close")
ENDS = {"complete": LAST_CHUNK, "truncated": b""}


async def heard(port: int) -> bytes:
    async with connect(port) as client:
        await client.send(ASK)
        await until_end(client, 20.0)
        return client.received


async def copied(directory: Path, pieces: list[bytes], end: str) -> None:
    """Record it, play it, and record what is played."""
    async with raw_server() as upstream:
        recording = Recording(Proxy(upstream.url), Recorder(directory / "first"))
        async with running(recording) as relay:
            hearing = asyncio.create_task(heard(relay.port))
            peer = await upstream.asked()
            await drip(peer, [CHUNKED_HEAD, *map(chunk, pieces), ENDS[end]])
            peer.sock.close()
            relayed = await hearing
    (file,) = (directory / "first").iterdir()
    first = taken_apart(list(parts(file)))
    assert b"".join(first.pieces) == b"".join(pieces)
    assert first.end.end == end
    assert chunks(relayed) == first.pieces, "what one read brings is one chunk"
    async with running(make_replay(directory / "first")) as target:
        played = await heard(target.port)
        recording = Recording(Proxy(target.url), Recorder(directory / "second"))
        async with running(recording) as relay:
            await heard(relay.port)
    assert chunks(played) == first.pieces
    assert played.endswith(LAST_CHUNK) == relayed.endswith(LAST_CHUNK) == (end == "complete")
    (file,) = (directory / "second").iterdir()
    second = taken_apart(list(parts(file)))
    assert b"".join(second.pieces) == b"".join(first.pieces)
    assert second.end.end == end


@settings(max_examples=15)
@given(
    pieces=st.lists(st.binary(min_size=1, max_size=300) | st.text(min_size=1).map(str.encode)),
    end=st.sampled_from([*ENDS]),
)
def test_a_copy_is_the_same(
    tmp_path_factory: pytest.TempPathFactory, pieces: list[bytes], end: str
) -> None:
    asyncio.run(copied(tmp_path_factory.mktemp("copy"), pieces, end))
