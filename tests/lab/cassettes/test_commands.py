"""`proxy --record` and `target --replay` as processes, several workers among them, and what they
refuse."""

import json
import os
import signal
from asyncio import to_thread
from collections.abc import Callable
from pathlib import Path

import pytest

from cli.conftest import LIMIT, run
from lab.cassettes.test_thread import SECRET, curl
from streamserver.cli import target
from streamserver.lab.cassettes.library import parts
from support.cassettes import Cassette, made, taken_apart, text
from support.process import RunServer, ServerProcess, workers_of
from support.rawserver import raw_server
from support.rawsocket import RawClient, connect, until_end
from support.relaying import CHUNKED_HEAD, LAST_CHUNK, chunk
from support.requests import get
from support.waiting import block_until, wait_until

ASK = get(b"/", b"Connection: close")


def cassettes(directory: Path) -> list[Cassette]:
    return [taken_apart(list(parts(path))) for path in sorted(directory.glob("*.jsonl"))]


def leave(client: RawClient, peer: RawClient) -> None:
    client.sock.close()


def reset(client: RawClient, peer: RawClient) -> None:
    peer.reset()


def close(client: RawClient, peer: RawClient) -> None:
    peer.sock.close()


@pytest.mark.parametrize(
    ("then", "end"), [(leave, "client_gone"), (reset, "reset"), (close, "truncated")]
)
async def test_a_stream_that_is_cut_by_either_side(
    run_server: RunServer,
    tmp_path: Path,
    then: Callable[[RawClient, RawClient], None],
    end: str,
) -> None:
    tapes = tmp_path / "tapes"
    async with raw_server() as upstream:
        proxy = await to_thread(run_server, "proxy", upstream.url, "--record", str(tapes))
        async with connect(proxy.port) as client:
            await client.send(ASK)
            peer = await upstream.asked(LIMIT)
            await peer.send(CHUNKED_HEAD + chunk(b"one"))
            await client.read_until(b"one", LIMIT)
            then(client, peer)
            await wait_until(lambda: list(tapes.glob("*.jsonl")), LIMIT)
    (cassette,) = cassettes(tapes)
    assert (cassette.pieces, cassette.end.end) == ([b"one"], end)
    target = await to_thread(run_server, "target", "--replay", str(tapes))
    async with connect(target.port) as client:
        await client.send(ASK)
        await until_end(client, LIMIT)
    assert b"one" in client.received
    assert not client.received.endswith(LAST_CHUNK)


@pytest.mark.parametrize("workers", ["1", "2"])
async def test_one_that_is_stopped_drains_and_writes_all(
    run_server: RunServer, tmp_path: Path, workers: str
) -> None:
    tapes = tmp_path / "tapes"
    async with raw_server() as upstream:
        options = "--record", str(tapes), "--workers", workers
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
    (cassette,) = cassettes(tapes)
    assert (cassette.pieces, cassette.end.end) == ([b"one", b"two"], "complete")


def test_workers_do_not_get_into_each_others_way(run_server: RunServer, tmp_path: Path) -> None:
    tapes = tmp_path / "tapes"
    upstream = run_server("target")
    proxy = run_server("proxy", upstream.url, "--record", str(tapes), "--workers", "2")
    # Who takes a connection is as good as drawn by lot: it is always the same once in 2**39.
    for number in range(40):
        curl(f"{proxy.url}/bytes/{number}?seed=1")
    assert proxy.stop() == 0
    targets = {cassette.asked.target for cassette in cassettes(tapes)}
    assert targets == {f"/bytes/{number}?seed=1" for number in range(40)}
    assert len({name.split("-")[1] for name in os.listdir(tapes)}) == 2


async def test_a_crash_leaves_something_that_is_told_and_no_cassette(
    run_server: RunServer, tmp_path: Path
) -> None:
    tapes = tmp_path / "tapes"
    async with raw_server() as upstream:
        options = "--record", str(tapes), "--workers", "2"
        proxy = await to_thread(run_server, "proxy", upstream.url, *options)
        async with connect(proxy.port) as client:
            await client.send(ASK)
            peer = await upstream.asked(LIMIT)
            await peer.send(CHUNKED_HEAD)
            for number in range(100):
                await peer.send(chunk(b"%d." % number))
                await client.read_until(b"%d.\r\n" % number, LIMIT)
            await wait_until(lambda: list(tapes.iterdir()), LIMIT)
            for pid in await to_thread(workers_of, proxy):
                os.kill(pid, signal.SIGKILL)
            await until_end(client, LIMIT)
    (file,) = tapes.iterdir()
    (tapes / "whole.jsonl").write_bytes(text(made(b"fine")))
    replay = await to_thread(run_server, "target", "--replay", str(tapes))
    assert f"not played: {file.name}: it was never finished" in replay.output()
    assert await to_thread(curl, replay.url) == b"fine"


def test_a_replay_tells_how_late_it_was(run_server: RunServer, tmp_path: Path) -> None:
    (tmp_path / "1.jsonl").write_bytes(text(made(b"a", b"b", gap=1_000_000)))
    replay = run_server("target", "--replay", str(tmp_path), "--log-format", "json")
    curl(replay.url)
    assert json.loads(curl(f"{replay.url}/lab/lateness"))["count"] == 4
    lines = block_until(lambda: _exchanges(replay))
    assert 0 <= lines[0]["late_mean_ms"] <= lines[0]["late_max_ms"]


def _exchanges(server: ServerProcess) -> list[dict[str, float]]:
    lines = [json.loads(line) for line in server.output().splitlines() if line[:1] == "{"]
    return [line for line in lines if "target" in line]


def test_a_key_of_ours_is_nowhere_even_where_it_is_echoed(
    run_server: RunServer, tmp_path: Path
) -> None:
    tapes = tmp_path / "tapes"
    options = "--record", str(tapes), "--api-key-env", "SOME_KEY"
    upstream = run_server("target").url
    proxy = run_server("proxy", upstream, *options, env={"SOME_KEY": SECRET})
    assert SECRET.encode() in curl(f"{proxy.url}/headers")
    assert proxy.stop() == 0
    (file,) = tapes.iterdir()
    told = file.read_text("utf-8")
    assert SECRET not in told
    assert "*" * len(f"Bearer {SECRET}") in told


FORMS = {
    "-d": ("-d", f"user=me&password={SECRET}"),
    "-F": ("-F", "user=me", "-F", f"password={SECRET}", "-F", f'data={{"apiKey":"{SECRET}"}}'),
    "--json": ("--json", json.dumps({"user": "me", "login": {"refreshToken": SECRET}})),
    "JSON as a form": ("-d", json.dumps({"user": "me", "client_secret": SECRET})),
}


def test_what_curl_posts_is_nowhere_even_where_it_is_echoed(
    run_server: RunServer, tmp_path: Path
) -> None:
    tapes = tmp_path / "tapes"
    proxy = run_server("proxy", run_server("target").url, "--record", str(tapes))
    for form in FORMS.values():
        assert SECRET.encode() in curl(f"{proxy.url}/post", *form)
    assert proxy.stop() == 0
    for name, file in zip(FORMS, sorted(tapes.iterdir()), strict=True):
        told = file.read_text("utf-8")
        assert SECRET not in told, name
        assert told.count("*" * len(SECRET)) >= 2, name


def test_limits_are_told(run_server: RunServer, tmp_path: Path) -> None:
    tapes = tmp_path / "tapes"
    options = "--record", str(tapes), "--record-bytes", "10", "--record-count", "1"
    proxy = run_server("proxy", run_server("target").url, *options)
    for _ in range(2):
        assert len(curl(f"{proxy.url}/bytes/100?seed=1")) == 100
    assert proxy.stop() == 0
    (cassette,) = cassettes(tapes)
    assert cassette.end.end == "limit"
    assert "is not recorded to its end: it is longer than 10 bytes" in proxy.output()
    assert "nothing more is recorded: there are 1 cassettes" in proxy.output()


# What is refused


def test_what_cannot_be_recorded_to_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    done = run("proxy", "http://127.0.0.1:9", "--record", str(tmp_path / "file"))
    assert done.returncode == 1
    assert "--record: [Errno 17] File exists" in done.stderr


def test_what_cannot_be_played_is_told(tmp_path: Path) -> None:
    done = run("target", "--replay", str(tmp_path / "nowhere"))
    assert done.returncode == 1
    assert "--replay: [Errno 2] No such file or directory" in done.stderr
    (tmp_path / "1.jsonl").write_bytes(text(made(b"a"))[:-1])
    done = run("target", "--replay", str(tmp_path))
    assert done.returncode == 1
    assert "not played: 1.jsonl: it is torn" in done.stderr
    assert f"--replay: there is no cassette in {tmp_path}" in done.stderr


@pytest.mark.parametrize(
    ("speed", "value"), [("1", 1), ("10", 10), ("0.01", 0.01), ("max", float("inf"))]
)
def test_speeds(speed: str, value: float) -> None:
    assert target.read(["--replay", "d", "--speed", speed], {}).speed == value


@pytest.mark.parametrize("speed", ["0", "-1", "fast", "1e3", "inf", "nan", "0.009", "1001", "10x"])
def test_what_is_no_speed(speed: str, capsys: pytest.CaptureFixture[str]) -> None:
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
