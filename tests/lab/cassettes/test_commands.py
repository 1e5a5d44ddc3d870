"""`proxy --record` and `target --replay` as processes, also with workers, and their errors."""

import json
import os
import signal
import subprocess
from asyncio import to_thread
from collections.abc import Callable
from pathlib import Path

import pytest

from cli.conftest import LIMIT
from streamserver.cli import target
from support import peers
from support.calling import call
from support.cassettes import Cassette, file_of, make_entries, read_cassette
from support.model import TARGET, question
from support.process import RunServer, ServerProcess, workers_of
from support.rawserver import raw_server
from support.rawsocket import RawClient, connect, raw, until_end
from support.relaying import CHUNKED_HEAD, LAST_CHUNK, chunk
from support.requests import get
from support.waiting import block_until, wait_until

ASK = get(b"/", b"Connection: close")
SECRET = "sk-do-not-tell-0123456789"


def curl(url: str, *args: str) -> bytes:
    command = [peers.program("curl"), "-sS", "--fail", "--globoff", *args, url]
    return subprocess.run(command, capture_output=True, check=True, timeout=50).stdout


def cassettes(directory: Path) -> list[Cassette]:
    return [read_cassette(path) for path in sorted(directory.glob("*.jsonl"))]


def test_a_recorded_stream_is_replayed(
    run_server: RunServer, shared_target: ServerProcess, tmp_path: Path
) -> None:
    directory = tmp_path / "cassettes"
    proxy = run_server("proxy", shared_target.url, "--record", str(directory))
    options = ["-d", json.dumps(question(stream=True)), "-H", f"Authorization: Bearer {SECRET}"]
    relayed = curl(proxy.url + TARGET, *options)
    assert relayed.endswith(b"data: [DONE]\n\n")
    assert proxy.stop() == 0
    (file,) = directory.iterdir()
    assert SECRET not in file.read_text("utf-8")
    replay = run_server("target", "--replay", str(directory), "--speed", "max")
    assert curl(replay.url + TARGET, *options) == relayed
    assert curl(replay.url + TARGET, *options[:2]) == relayed


def leave(client: RawClient, peer: RawClient) -> None:
    client.sock.close()


def reset(client: RawClient, peer: RawClient) -> None:
    peer.reset()


def close(client: RawClient, peer: RawClient) -> None:
    peer.sock.close()


@pytest.mark.parametrize(
    ("then", "end"), [(leave, "client_gone"), (reset, "reset"), (close, "truncated")]
)
async def test_a_stream_that_either_side_cuts(
    run_server: RunServer,
    tmp_path: Path,
    then: Callable[[RawClient, RawClient], None],
    end: str,
) -> None:
    directory = tmp_path / "directory"
    async with raw_server() as upstream:
        proxy = await to_thread(run_server, "proxy", upstream.url, "--record", str(directory))
        async with connect(proxy.port) as client:
            await client.send(ASK)
            peer = await upstream.asked(LIMIT)
            await peer.send(CHUNKED_HEAD + chunk(b"one"))
            await client.read_until(b"one", LIMIT)
            then(client, peer)
            await wait_until(lambda: list(directory.glob("*.jsonl")), LIMIT)
    (cassette,) = cassettes(directory)
    assert (cassette.pieces, cassette.end.end) == ([b"one"], end)
    target = await to_thread(run_server, "target", "--replay", str(directory))
    async with connect(target.port) as client:
        await client.send(ASK)
        await until_end(client, LIMIT)
    assert b"one" in client.received
    assert not client.received.endswith(LAST_CHUNK)


@pytest.mark.parametrize("workers", ["1", "2"])
async def test_a_relay_that_stops_drains_and_writes_all(
    run_server: RunServer, tmp_path: Path, workers: str
) -> None:
    directory = tmp_path / "directory"
    async with raw_server() as upstream:
        options = "--record", str(directory), "--workers", workers
        proxy = await to_thread(run_server, "proxy", upstream.url, *options)
        async with connect(proxy.port) as client:
            await client.send(ASK)
            peer = await upstream.asked(LIMIT)
            await peer.send(CHUNKED_HEAD + chunk(b"one"))
            await client.read_until(b"one", LIMIT)
            proxy.process.send_signal(signal.SIGTERM)
            await peer.send(chunk(b"two"))
            await client.read_until(b"two", LIMIT)
            await peer.send(LAST_CHUNK)
            assert (await client.read_until(timeout=LIMIT)).endswith(LAST_CHUNK)
        assert await to_thread(proxy.wait) == 0
    (cassette,) = cassettes(directory)
    assert (cassette.pieces, cassette.end.end) == ([b"one", b"two"], "complete")


async def test_workers_record_to_the_same_directory(
    run_server: RunServer, shared_target: ServerProcess, tmp_path: Path
) -> None:
    directory = tmp_path / "directory"
    options = "--record", str(directory), "--workers", "2"
    proxy = run_server("proxy", shared_target.url, *options)
    # The kernel picks a worker for each connection: always the same one once in 2**39.
    for number in range(40):
        await raw(
            proxy.port, get(b"/bytes/%d?seed=1" % number, b"Connection: close"), timeout=LIMIT
        )
    assert proxy.stop() == 0
    targets = {cassette.request.target for cassette in cassettes(directory)}
    assert targets == {f"/bytes/{number}?seed=1" for number in range(40)}
    assert len({name.split("-")[1] for name in os.listdir(directory)}) == 2


async def test_a_crash_leaves_a_file_that_is_reported(
    run_server: RunServer, tmp_path: Path
) -> None:
    directory = tmp_path / "directory"
    async with raw_server() as upstream:
        options = "--record", str(directory), "--workers", "2"
        proxy = await to_thread(run_server, "proxy", upstream.url, *options)
        async with connect(proxy.port) as client:
            await client.send(ASK)
            peer = await upstream.asked(LIMIT)
            await peer.send(CHUNKED_HEAD)
            for number in range(100):
                await peer.send(chunk(b"%d." % number))
                await client.read_until(b"%d.\r\n" % number, LIMIT)
            await wait_until(lambda: list(directory.iterdir()), LIMIT)
            for pid in await to_thread(workers_of, proxy):
                os.kill(pid, signal.SIGKILL)
            await until_end(client, LIMIT)
    (file,) = directory.iterdir()
    (directory / "whole.jsonl").write_bytes(file_of(make_entries(b"fine")))
    replay = await to_thread(run_server, "target", "--replay", str(directory))
    assert f"not replayed: {file.name}: the recording did not end" in replay.output()
    assert await to_thread(curl, replay.url) == b"fine"


def test_a_replay_reports_its_lateness(run_server: RunServer, tmp_path: Path) -> None:
    (tmp_path / "1.jsonl").write_bytes(file_of(make_entries(b"a", b"b", gap=1_000_000)))
    replay = run_server("target", "--replay", str(tmp_path), "--log-format", "json")
    curl(replay.url)
    assert json.loads(curl(f"{replay.url}/lab/lateness"))["count"] == 4
    lines = block_until(lambda: _exchanges(replay))
    assert 0 <= lines[0]["late_mean_ms"] <= lines[0]["late_max_ms"]


def _exchanges(server: ServerProcess) -> list[dict[str, float]]:
    lines = [json.loads(line) for line in server.output().splitlines() if line[:1] == "{"]
    return [line for line in lines if "target" in line]


def test_an_injected_key_is_redacted_even_where_it_is_echoed(
    run_server: RunServer, shared_target: ServerProcess, tmp_path: Path
) -> None:
    directory = tmp_path / "directory"
    options = "--record", str(directory), "--api-key-env", "SOME_KEY"
    proxy = run_server("proxy", shared_target.url, *options, env={"SOME_KEY": SECRET})
    assert SECRET.encode() in curl(f"{proxy.url}/headers")
    assert proxy.stop() == 0
    (file,) = directory.iterdir()
    recorded = file.read_text("utf-8")
    assert SECRET not in recorded
    assert "*" * len(f"Bearer {SECRET}") in recorded


FORMS = {
    "-d": ("-d", f"user=me&password={SECRET}"),
    "-F": ("-F", "user=me", "-F", f"password={SECRET}", "-F", f'data={{"apiKey":"{SECRET}"}}'),
    "--json": ("--json", json.dumps({"user": "me", "login": {"refreshToken": SECRET}})),
    "JSON as a form": ("-d", json.dumps({"user": "me", "client_secret": SECRET})),
}


def test_secrets_that_curl_posts_are_redacted_even_where_they_are_echoed(
    run_server: RunServer, shared_target: ServerProcess, tmp_path: Path
) -> None:
    directory = tmp_path / "directory"
    proxy = run_server("proxy", shared_target.url, "--record", str(directory))
    for form in FORMS.values():
        assert SECRET.encode() in curl(f"{proxy.url}/post", *form)
    assert proxy.stop() == 0
    for name, file in zip(FORMS, sorted(directory.iterdir()), strict=True):
        recorded = file.read_text("utf-8")
        assert SECRET not in recorded, name
        assert recorded.count("*" * len(SECRET)) >= 2, name


def test_limits_are_reported(
    run_server: RunServer, shared_target: ServerProcess, tmp_path: Path
) -> None:
    directory = tmp_path / "directory"
    options = "--record", str(directory), "--record-bytes", "10", "--record-count", "1"
    proxy = run_server("proxy", shared_target.url, *options)
    for _ in range(2):
        assert len(curl(f"{proxy.url}/bytes/100?seed=1")) == 100
    assert proxy.stop() == 0
    (cassette,) = cassettes(directory)
    assert cassette.end.end == "limit"
    assert "is recorded only in part: the response body is longer than 10 bytes" in proxy.output()
    assert "recording stops: the directory has 1 cassettes" in proxy.output()


# Errors


def test_a_directory_that_cannot_be_created(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    done = call("proxy", "http://127.0.0.1:9", "--record", str(tmp_path / "file"))
    assert done.returncode == 1
    assert "--record: [Errno 17] File exists" in done.stderr


def test_a_directory_that_cannot_be_replayed(tmp_path: Path) -> None:
    done = call("target", "--replay", str(tmp_path / "nowhere"))
    assert done.returncode == 1
    assert "--replay: [Errno 2] No such file or directory" in done.stderr
    (tmp_path / "1.jsonl").write_bytes(file_of(make_entries(b"a"))[:-1])
    done = call("target", "--replay", str(tmp_path))
    assert done.returncode == 1
    assert "not replayed: 1.jsonl: the file is torn" in done.stderr
    assert f"--replay: there is no cassette in {tmp_path}" in done.stderr


@pytest.mark.parametrize(
    ("speed", "value"), [("1", 1), ("10", 10), ("0.01", 0.01), ("max", float("inf"))]
)
def test_speeds(speed: str, value: float) -> None:
    assert target.read(["--replay", "d", "--speed", speed], {}).speed == value


@pytest.mark.parametrize("speed", ["0", "-1", "fast", "1e3", "inf", "nan", "0.009", "1001", "10x"])
def test_wrong_speeds(speed: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        target.read(["--replay", "d", f"--speed={speed}"], {})
    assert f"{speed!r} is not max or a number from 0.01 to 1000" in capsys.readouterr().err


def test_a_replay_has_no_slots(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        target.read(["--slots", "1", "--replay", "d"], {})
    assert "--slots limits the endpoints" in capsys.readouterr().err


def test_a_speed_is_for_a_replay(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        target.read(["--speed", "10"], {})
    assert "--speed needs --replay DIR" in capsys.readouterr().err
