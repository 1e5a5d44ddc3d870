"""How cassettes get to the disk: meanwhile, whole, and without anyone waiting for it."""

import os
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.cassettes.conftest import StartDeck
from streamserver.lab.cassettes import recorder, writing
from streamserver.lab.cassettes.writing import Writing
from support.cassettes import made, text
from support.rawsocket import RawClient, connect
from support.relaying import CHUNKED_HEAD, LAST_CHUNK, chunk, ok
from support.requests import get
from support.waiting import wait_until

ASK = get(b"/", b"Connection: close")


async def stream(client: RawClient, peer: RawClient, count: int) -> None:
    """So many pieces, each heard before the next one is sent."""
    for number in range(count):
        piece = b"piece %d" % number
        await peer.send(chunk(piece))
        await client.read_until(piece + b"\r\n")


def unfinished(directory: Path) -> str:
    """What is on the disk of a cassette that is not whole."""
    (file,) = directory.glob("*.part")
    return file.read_text("utf-8")


async def test_a_long_stream_is_written_while_it_lasts(record: StartDeck) -> None:
    """By batches; so nothing grows in memory, and a crash loses little."""
    deck = await record()
    async with connect(deck.server.port) as client:
        await client.send(ASK)
        peer = await deck.upstream.asked()
        await peer.send(CHUNKED_HEAD)
        await stream(client, peer, 200)
        await wait_until(lambda: list(deck.directory.iterdir()))
        await wait_until(lambda: "piece 180" in unfinished(deck.directory))
        assert deck.files() == []
        await peer.send(LAST_CHUNK)
        await client.read_until(LAST_CHUNK)
    (cassette,) = await deck.cassettes()
    assert cassette.pieces == [b"piece %d" % number for number in range(200)]
    assert os.listdir(deck.directory) == [deck.files()[0].name]


async def test_what_waits_is_written_after_a_while(
    record: StartDeck, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder, "PATIENCE", 0.01)
    monkeypatch.setattr(recorder, "AT_ONCE", 1)
    deck = await record()
    async with connect(deck.server.port) as first, connect(deck.server.port) as second:
        for client in (first, second):
            await client.send(ASK)
            peer = await deck.upstream.asked()
            await peer.send(CHUNKED_HEAD)
            await stream(client, peer, 1)
        await wait_until(lambda: len(os.listdir(deck.directory)) == 2)
        files = list(deck.directory.iterdir())
        await wait_until(lambda: all("piece 0" in file.read_text("utf-8") for file in files))


async def test_only_the_owner_may_read_them(record: StartDeck) -> None:
    deck = await record()
    async with connect(deck.server.port) as client:
        await client.send(ASK)
        await (await deck.upstream.asked()).send(ok())
        await client.read_until()
    await deck.cassettes()
    (file,) = deck.files()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(deck.directory.stat().st_mode) == 0o700


@pytest.fixture
def go_on(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """The disk opens nothing before this is set."""
    let, open_file = threading.Event(), writing.open_file

    def wait(path: str) -> int:
        assert let.wait(20.0)
        return open_file(path)

    monkeypatch.setattr(writing, "open_file", wait)
    yield let
    let.set()


async def test_a_slow_disk_holds_up_nobody(record: StartDeck, go_on: threading.Event) -> None:
    deck = await record()
    async with connect(deck.server.port) as client:
        await client.send(ASK)
        peer = await deck.upstream.asked()
        await peer.send(CHUNKED_HEAD)
        await stream(client, peer, 200)
        await peer.send(LAST_CHUNK)
        assert (await client.read_until()).endswith(LAST_CHUNK)
    assert os.listdir(deck.directory) == []
    go_on.set()
    (cassette,) = await deck.cassettes()
    assert cassette.end.reads == 200


async def test_a_disk_that_is_far_behind_costs_cassettes_and_no_memory(
    record: StartDeck, monkeypatch: pytest.MonkeyPatch, go_on: threading.Event
) -> None:
    monkeypatch.setattr(writing, "MOST_WAITING", 1000)
    deck = await record()
    async with connect(deck.server.port) as client:
        await client.send(ASK)
        peer = await deck.upstream.asked()
        await peer.send(CHUNKED_HEAD)
        await stream(client, peer, 200)
        await peer.send(LAST_CHUNK)
        assert (await client.read_until()).endswith(LAST_CHUNK)
    go_on.set()
    (cassette,) = await deck.cassettes()
    assert cassette.end.end == "behind"
    assert 0 < cassette.end.reads < 200


def test_everything_is_written_before_it_is_closed(tmp_path: Path) -> None:
    files = Writing(tmp_path)
    whole = text(made(*[b"x" * 1000] * 100))
    for number in range(20):
        files.append(f"{number:02}", whole[:5000], False)
    for number in range(20):
        files.append(f"{number:02}", whole[5000:], True)
    files.close()
    assert sorted(os.listdir(tmp_path)) == [f"{number:02}.jsonl" for number in range(20)]
    assert {path.read_bytes() for path in tmp_path.iterdir()} == {whole}
    files.close()
