"""How cassettes are written: in batches, complete, and without a wait for the disk."""

import os
import stat
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import pytest

from lab.cassettes.conftest import StartRelay
from streamserver.lab.cassettes import recorder
from streamserver.lab.cassettes.recorder import CassetteWriter
from support.cassettes import file_of, make_entries
from support.rawsocket import RawClient, connect
from support.relaying import CHUNKED_HEAD, LAST_CHUNK, chunk, ok
from support.requests import get
from support.waiting import wait_until

ASK = get(b"/", b"Connection: close")


async def stream(client: RawClient, peer: RawClient, count: int) -> None:
    """This many pieces; each is received before the next is sent."""
    for number in range(count):
        piece = b"piece %d" % number
        await peer.send(chunk(piece))
        await client.read_until(piece + b"\r\n")


def unfinished(directory: Path) -> str:
    """The content of the one incomplete file."""
    (file,) = directory.glob("*.part")
    return file.read_text("utf-8")


async def test_a_long_stream_is_written_in_batches(record: StartRelay) -> None:
    """So memory does not grow, and a crash loses little."""
    relay = await record()
    async with connect(relay.server.port) as client:
        await client.send(ASK)
        peer = await relay.upstream.asked()
        await peer.send(CHUNKED_HEAD)
        await stream(client, peer, 200)
        await wait_until(lambda: list(relay.directory.iterdir()))
        await wait_until(lambda: "piece 180" in unfinished(relay.directory))
        assert relay.files() == []
        await peer.send(LAST_CHUNK)
        await client.read_until(LAST_CHUNK)
    (cassette,) = await relay.cassettes()
    assert cassette.pieces == [b"piece %d" % number for number in range(200)]
    assert os.listdir(relay.directory) == [relay.files()[0].name]


async def test_pending_reads_are_written_after_an_interval(
    record: StartRelay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder, "FLUSH_SECONDS", 0.01)
    monkeypatch.setattr(recorder, "FLUSHED_TRACKS", 1)
    relay = await record()
    async with connect(relay.server.port) as first, connect(relay.server.port) as second:
        for client in (first, second):
            await client.send(ASK)
            peer = await relay.upstream.asked()
            await peer.send(CHUNKED_HEAD)
            await stream(client, peer, 1)
        await wait_until(lambda: len(os.listdir(relay.directory)) == 2)
        files = list(relay.directory.iterdir())
        await wait_until(lambda: all("piece 0" in file.read_text("utf-8") for file in files))


async def test_only_the_owner_may_read_a_cassette(record: StartRelay) -> None:
    relay = await record()
    async with connect(relay.server.port) as client:
        await client.send(ASK)
        await (await relay.upstream.asked()).send(ok())
        await client.read_until()
    await relay.cassettes()
    (file,) = relay.files()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(relay.directory.stat().st_mode) == 0o700


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """No file is opened before this is set."""
    is_ready, open_file = threading.Event(), recorder.open_file

    def wait(path: str) -> BinaryIO:
        assert is_ready.wait(20.0)
        return open_file(path)

    monkeypatch.setattr(recorder, "open_file", wait)
    yield is_ready
    is_ready.set()


async def test_a_slow_disk_does_not_delay_the_relay(
    record: StartRelay, disk: threading.Event
) -> None:
    relay = await record()
    async with connect(relay.server.port) as client:
        await client.send(ASK)
        peer = await relay.upstream.asked()
        await peer.send(CHUNKED_HEAD)
        await stream(client, peer, 200)
        await peer.send(LAST_CHUNK)
        assert (await client.read_until()).endswith(LAST_CHUNK)
    assert os.listdir(relay.directory) == []
    disk.set()
    (cassette,) = await relay.cassettes()
    assert cassette.end.reads == 200


async def test_a_disk_far_behind_ends_the_cassette(
    record: StartRelay, monkeypatch: pytest.MonkeyPatch, disk: threading.Event
) -> None:
    monkeypatch.setattr(recorder, "MAX_QUEUED", 1000)
    relay = await record()
    async with connect(relay.server.port) as client:
        await client.send(ASK)
        peer = await relay.upstream.asked()
        await peer.send(CHUNKED_HEAD)
        await stream(client, peer, 200)
        await peer.send(LAST_CHUNK)
        assert (await client.read_until()).endswith(LAST_CHUNK)
    disk.set()
    (cassette,) = await relay.cassettes()
    assert cassette.end.end == "behind"
    assert 0 < cassette.end.reads < 200


def test_close_waits_for_all_writes(tmp_path: Path) -> None:
    writer = CassetteWriter(tmp_path)
    whole = file_of(make_entries(*[b"x" * 1000] * 100))
    for number in range(20):
        writer.append(f"{number:02}", whole[:5000], False)
    for number in range(20):
        writer.append(f"{number:02}", whole[5000:], True)
    writer.close()
    assert sorted(os.listdir(tmp_path)) == [f"{number:02}.jsonl" for number in range(20)]
    assert {path.read_bytes() for path in tmp_path.iterdir()} == {whole}
    writer.close()
