"""What bounds a recording: the bytes of a cassette, their number, and a disk that fails."""

import logging
from pathlib import Path
from time import monotonic

import pytest

from lab.cassettes.conftest import StartDeck
from streamserver.kit.request import Request
from streamserver.lab.cassettes import recorder as recorders
from streamserver.lab.cassettes.form import ENDS_OF_UPSTREAMS
from streamserver.lab.cassettes.recorder import Recorder, Recording
from streamserver.lab.cassettes.tape import Tape
from streamserver.proxy.proxy import Proxy
from support.cassettes import turns
from support.inprocess import Serve
from support.rawserver import RawServer
from support.rawsocket import connect
from support.relaying import CHUNKED_HEAD, chunk, ok
from support.requests import get, post
from support.waiting import wait_until

ASK = get(b"/", b"Connection: close")


async def test_a_cassette_has_its_limit_and_the_relay_goes_on(
    record: StartDeck, caplog: pytest.LogCaptureFixture
) -> None:
    deck = await record(most_bytes=10)
    async with connect(deck.server.port) as client:
        await client.send(ASK)
        peer = await deck.upstream.asked()
        await peer.send(CHUNKED_HEAD)
        await client.read_until(b"\r\n\r\n")
        for piece in (b"12345", b"67890", b"abcde", b"f"):
            await peer.send(chunk(piece))
            await client.read_until(piece)
        await peer.send(b"0\r\n\r\n")
        assert (await client.read_until()).endswith(b"0\r\n\r\n")
    (cassette,) = await deck.cassettes()
    assert (cassette.pieces, cassette.end.end) == ([b"12345", b"67890"], "limit")
    assert cassette.end.detail == "it is longer than 10 bytes"
    (file,) = deck.files()
    told = f"{file.stem} is not recorded to its end: it is longer than 10 bytes"
    assert [record.message for record in caplog.records] == [told]
    assert cassette.end.end not in ENDS_OF_UPSTREAMS


async def test_beyond_its_limit_nothing_is_kept_in_memory(
    serve: Serve, upstream: RawServer, tmp_path: Path
) -> None:
    tapes: list[Tape] = []
    recorder = Recorder(tmp_path, most_bytes=10)

    def make(request: Request) -> Tape:
        tape = recorder(request)
        assert tape is not None
        tapes.append(tape)
        return tape

    proxy = Proxy(upstream.url)
    recording = Recording(proxy, recorder)
    proxy.tapes = make
    server = await serve(recording)
    async with connect(server.port) as client:
        await client.send(ASK)
        peer = await upstream.asked()
        await peer.send(CHUNKED_HEAD)
        for number in range(100):
            await peer.send(chunk(b"%d" % number))
            await client.read_until(b"%d\r\n" % number)
        (tape,) = tapes
        await wait_until(lambda: tape.is_over)
        assert not tape.holds_back
        await peer.send(chunk(b"more"))
        await client.read_until(b"more")
        assert not tape.holds_back


async def test_the_limit_holds_for_what_waits_for_its_request(
    record: StartDeck, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An answer that comes before the request is whole is kept back, but not without a bound."""
    monkeypatch.setattr(recorders, "PATIENCE", 0.0)
    deck = await record(most_bytes=10)
    async with connect(deck.server.port) as client:
        await client.send(post(b"1", length=2))
        peer = await deck.upstream.asked()
        await peer.send(CHUNKED_HEAD + chunk(b"12345"))
        await client.read_until(b"12345")
        await turns()  # it is looked at meanwhile, more than once
        await peer.send(chunk(b"67890a"))
        await client.read_until(b"67890a")
        (cassette,) = await deck.cassettes()
    assert (cassette.pieces, cassette.end.end) == ([b"12345"], "limit")
    assert cassette.asked.body.sha256 is None


async def test_a_directory_has_its_limit_which_is_told_once(
    record: StartDeck, caplog: pytest.LogCaptureFixture
) -> None:
    deck = await record(most_cassettes=2)
    async with connect(deck.server.port) as client:
        for _ in range(4):
            await client.send(get(b"/"))
        peer = await deck.upstream.accept()
        for _ in range(4):
            await peer.read_until(b"\r\n\r\n")
            peer.received = b""
            await peer.send(ok(b"relayed"))
            await client.read_until(b"relayed")
            client.received = b""
    await deck.cassettes(2)
    told = [record.message for record in caplog.records if record.levelno == logging.WARNING]
    assert told == ["nothing more is recorded: there are 2 cassettes"]


async def test_those_that_are_there_count(record: StartDeck) -> None:
    first = await record(most_cassettes=1)
    async with connect(first.server.port) as client:
        await client.send(ASK)
        await (await first.upstream.asked()).send(ok())
        await client.read_until()
    await first.cassettes(1)
    second = await record(most_cassettes=1)
    async with connect(second.server.port) as client:
        await client.send(ASK)
        await (await second.upstream.asked()).send(ok(b"relayed"))
        await client.read_until(b"relayed")
    await second.server.stop()
    await second.cassettes(1)


async def test_a_disk_that_fails_is_told_once_and_hurts_nobody(
    record: StartDeck, caplog: pytest.LogCaptureFixture
) -> None:
    deck = await record()
    deck.directory.rmdir()
    for end in (b"a long one, written in parts", b"another"):
        async with connect(deck.server.port) as client:
            await client.send(ASK)
            peer = await deck.upstream.asked()
            await peer.send(CHUNKED_HEAD)
            for number in range(200):
                await peer.send(chunk(b"%d" % number))
                await client.read_until(b"%d\r\n" % number)
            await peer.send(chunk(end))
            await client.read_until(end)
            await wait_until(lambda: caplog.records)
    await deck.server.stop()
    (told,) = caplog.records
    assert told.message.startswith("nothing more is recorded: [Errno 2]")


async def test_what_waits_for_its_request_is_looked_at_now_and_then(
    record: StartDeck, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And not in each turn of the loop, however long an upload takes."""
    patience, take, looks = 0.05, Tape.take, []

    def look(tape: Tape) -> bytes:
        looks.append(tape)
        return take(tape)

    monkeypatch.setattr(recorders, "PATIENCE", patience)
    monkeypatch.setattr(Tape, "take", look)
    deck = await record()
    async with connect(deck.server.port) as client:
        await client.send(post(b"1", length=2))
        peer = await deck.upstream.asked()
        begun = monotonic()
        await peer.send(CHUNKED_HEAD + chunk(b"early"))
        await wait_until(lambda: looks)
        await turns(1000)
        assert len(looks) <= (monotonic() - begun) / patience + 1
