"""The limits of a recording: bytes in a cassette, number of cassettes, and a disk that fails."""

import logging
from pathlib import Path
from time import monotonic

import pytest

from lab.cassettes.conftest import StartRelay
from streamserver.kit.request import Request
from streamserver.lab.cassettes import recorder
from streamserver.lab.cassettes.cassette import UPSTREAM_ENDS
from streamserver.lab.cassettes.recorder import RecordingProxy
from streamserver.lab.cassettes.track import Track
from streamserver.proxy.proxy import Proxy
from support.cassettes import run_loop
from support.inprocess import Serve
from support.rawserver import RawServer
from support.rawsocket import connect
from support.relaying import CHUNKED_HEAD, chunk, ok
from support.requests import get, post
from support.waiting import wait_until

ASK = get(b"/", b"Connection: close")


def logged(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What we logged; asyncio warns of slow callbacks on a busy machine."""
    return [record.message for record in caplog.records if record.name == "streamserver"]


async def test_a_full_cassette_does_not_stop_the_relay(
    record: StartRelay, caplog: pytest.LogCaptureFixture
) -> None:
    relay = await record(max_bytes=10)
    async with connect(relay.server.port) as client:
        await client.send(ASK)
        peer = await relay.upstream.asked()
        await peer.send(CHUNKED_HEAD)
        await client.read_until(b"\r\n\r\n")
        for piece in (b"12345", b"67890", b"abcde", b"f"):
            await peer.send(chunk(piece))
            await client.read_until(piece)
        await peer.send(b"0\r\n\r\n")
        assert (await client.read_until()).endswith(b"0\r\n\r\n")
    (cassette,) = await relay.cassettes()
    assert (cassette.pieces, cassette.end.end) == ([b"12345", b"67890"], "limit")
    assert cassette.end.detail == "the response body is longer than 10 bytes"
    (file,) = relay.files()
    message = f"{file.stem} is recorded only in part: the response body is longer than 10 bytes"
    assert logged(caplog) == [message]
    assert cassette.end.end not in UPSTREAM_ENDS


async def test_a_full_cassette_keeps_nothing_in_memory(
    serve: Serve, upstream: RawServer, tmp_path: Path
) -> None:
    tracks: list[Track] = []
    proxy = Proxy(upstream.url)
    recording = RecordingProxy(proxy, tmp_path, max_bytes=10)

    def make_track(request: Request) -> Track:
        track = recording.make_track(request)
        assert track is not None
        tracks.append(track)
        return track

    proxy.start_recording = make_track
    server = await serve(recording)
    async with connect(server.port) as client:
        await client.send(ASK)
        peer = await upstream.asked()
        await peer.send(CHUNKED_HEAD)
        for number in range(100):
            await peer.send(chunk(b"%d" % number))
            await client.read_until(b"%d\r\n" % number)
        (track,) = tracks
        await wait_until(lambda: track.is_over)
        assert not track.is_pending
        await peer.send(chunk(b"more"))
        await client.read_until(b"more")
        assert not track.is_pending


async def test_the_limit_holds_before_the_request_is_complete(
    record: StartRelay, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A response that begins before the request is complete is held back, up to the limit."""
    monkeypatch.setattr(recorder, "FLUSH_SECONDS", 0.0)
    relay = await record(max_bytes=10)
    async with connect(relay.server.port) as client:
        await client.send(post(b"1", length=2))
        peer = await relay.upstream.asked()
        await peer.send(CHUNKED_HEAD + chunk(b"12345"))
        await client.read_until(b"12345")
        await run_loop()  # more than one flush
        await peer.send(chunk(b"67890a"))
        await client.read_until(b"67890a")
        (cassette,) = await relay.cassettes()
    assert (cassette.pieces, cassette.end.end) == ([b"12345"], "limit")
    assert cassette.request.body.sha256 is None


async def test_the_limit_of_cassettes_is_reported_once(
    record: StartRelay, caplog: pytest.LogCaptureFixture
) -> None:
    relay = await record(max_cassettes=2)
    async with connect(relay.server.port) as client:
        for _ in range(4):
            await client.send(get(b"/"))
        peer = await relay.upstream.accept()
        for _ in range(4):
            await peer.read_until(b"\r\n\r\n")
            peer.received = b""
            await peer.send(ok(b"relayed"))
            await client.read_until(b"relayed")
            client.received = b""
    await relay.cassettes(2)
    messages = [record.message for record in caplog.records if record.levelno == logging.WARNING]
    assert messages == ["recording stops: the directory has 2 cassettes"]


async def test_existing_cassettes_count(record: StartRelay) -> None:
    first = await record(max_cassettes=1)
    async with connect(first.server.port) as client:
        await client.send(ASK)
        await (await first.upstream.asked()).send(ok())
        await client.read_until()
    await first.cassettes(1)
    second = await record(max_cassettes=1)
    async with connect(second.server.port) as client:
        await client.send(ASK)
        await (await second.upstream.asked()).send(ok(b"relayed"))
        await client.read_until(b"relayed")
    await second.server.stop()
    await second.cassettes(1)


async def test_a_failed_disk_is_reported_once_and_the_relay_continues(
    record: StartRelay, caplog: pytest.LogCaptureFixture
) -> None:
    relay = await record()
    relay.directory.rmdir()
    for end in (b"a long one, written in parts", b"another"):
        async with connect(relay.server.port) as client:
            await client.send(ASK)
            peer = await relay.upstream.asked()
            await peer.send(CHUNKED_HEAD)
            for number in range(200):
                await peer.send(chunk(b"%d" % number))
                await client.read_until(b"%d\r\n" % number)
            await peer.send(chunk(end))
            await client.read_until(end)
            await wait_until(lambda: logged(caplog))
    await relay.server.stop()
    (message,) = logged(caplog)
    assert message.startswith("recording stops: [Errno 2]")


async def test_an_incomplete_request_does_not_cause_a_flush_in_each_iteration(
    record: StartRelay, monkeypatch: pytest.MonkeyPatch
) -> None:
    """But one after each interval, however long the upload takes."""
    interval, take, calls = 0.05, Track.drain, []

    def counting(track: Track) -> bytes:
        calls.append(track)
        return take(track)

    monkeypatch.setattr(recorder, "FLUSH_SECONDS", interval)
    monkeypatch.setattr(Track, "drain", counting)
    relay = await record()
    async with connect(relay.server.port) as client:
        await client.send(post(b"1", length=2))
        peer = await relay.upstream.asked()
        begun = monotonic()
        await peer.send(CHUNKED_HEAD + chunk(b"early"))
        await wait_until(lambda: calls)
        await run_loop(1000)
        assert len(calls) <= (monotonic() - begun) / interval + 1
