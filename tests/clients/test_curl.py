"""curl, the client that people reach for first, in both versions of HTTP."""

import csv
import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from support.demo import CONTENT, NAME, TEXT, UPLOADED, Demo, counts
from support.waiting import block_until

Curl = Callable[..., bytes]


@pytest.fixture
def curl(peer: Callable[[str], str]) -> Curl:
    """Run curl and return what it wrote; a transfer that it finds incomplete is a failure."""

    def run(*args: object, send: bytes = b"") -> bytes:
        command = [peer("curl"), "--silent", "--show-error", *map(str, args)]
        done = subprocess.run(command, input=send, capture_output=True, timeout=30, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def split(reply: bytes) -> tuple[list[str], bytes]:
    """The lines of the head in lower case, and the body, of what `curl -i` wrote."""
    head, _, body = reply.partition(b"\r\n\r\n")
    return head.decode("latin-1").lower().split("\r\n"), body


def test_events_to_a_proper_close(curl: Curl, demo: Demo) -> None:
    head, body = split(curl("-i", demo / "api/counter?count=3&interval=0.02"))
    assert {"http/1.1 200 ok", "content-type: text/event-stream"} <= set(head)
    assert counts(body) == [0, 1, 2]


def test_an_event_arrives_while_the_stream_goes_on(peer: Callable[[str], str], demo: Demo) -> None:
    """The whole stream would take 50 s, so an answer that waits in a buffer is never seen."""
    target = "api/counter?count=100&interval=0.5"
    command = [peer("curl"), "--silent", "--no-buffer", "--max-time", "30", demo / target]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout
        first = next(line for line in process.stdout if line.startswith(b"data:"))
        process.terminate()
    assert counts(first) == [0]
    assert block_until(lambda: demo.outcomes(target)) == ["client_gone"]


def test_http_1_0_is_delimited_by_the_close(curl: Curl, demo: Demo) -> None:
    head, body = split(curl("-i", "--http1.0", demo / "api/counter?count=3&interval=0.02"))
    assert not [line for line in head if line.startswith(("transfer-encoding", "content-length"))]
    assert "connection: close" in head
    assert counts(body) == [0, 1, 2]


def test_raw_shows_a_chunk_for_each_event_and_the_last_chunk(curl: Curl, demo: Demo) -> None:
    head, body = split(curl("-i", "--raw", demo / "api/counter?count=3&interval=0.02"))
    assert "transfer-encoding: chunked" in head
    sizes = [int(size, 16) for size in re.findall(rb"^([0-9a-fA-F]+)\r\n", body, re.M)]
    assert len([size for size in sizes if size]) == 3
    assert body.endswith(b"\n\r\n0\r\n\r\n")


@pytest.mark.parametrize("target", [f"files/{NAME}", "api/counter", "api/export?rows=10", ""])
def test_a_head_alone(curl: Curl, demo: Demo, target: str) -> None:
    """curl itself fails where an announced body is missing, or a body comes that should not."""
    head, body = split(curl("--head", demo / target))
    assert head[0] == "http/1.1 200 ok"
    assert body == b""


def test_one_connection_for_several_requests(curl: Curl, demo: Demo) -> None:
    targets = ["api/counter?count=1", f"files/{NAME}", "api/export?rows=10", "nowhere", ""]
    discarded = [word for target in targets for word in (demo / target, "-o", "/dev/null")]
    assert curl(*discarded, "-w", "%{num_connects}") == b"10000"


def test_text_typed_character_by_character(curl: Curl, demo: Demo) -> None:
    body = json.dumps({"text": TEXT, "cps": 500})
    reply = curl("--json", body, demo / "api/type")
    assert reply.decode() == TEXT


@pytest.mark.parametrize("name", ["csv", "ndjson"])
def test_an_export_is_whole(curl: Curl, demo: Demo, name: str) -> None:
    lines = curl(demo / f"api/export?rows=2000&format={name}").decode().splitlines()
    rows = list(csv.DictReader(lines)) if name == "csv" else [json.loads(line) for line in lines]
    assert len(rows) == 2000
    assert {tuple(row) for row in rows} == {tuple(rows[0])}


def test_a_download_broken_off_is_resumed(curl: Curl, demo: Demo, tmp_path: Path) -> None:
    file = tmp_path / NAME
    file.write_bytes(CONTENT[:1_000_001])
    curl("--continue-at", "-", "--output", file, demo / f"files/{NAME}")
    assert file.read_bytes() == CONTENT
    assert curl("--range", "-5", demo / f"files/{NAME}") == CONTENT[-5:]


@pytest.mark.parametrize(
    "how",
    [
        pytest.param([], id="with a length"),
        pytest.param(["-H", "Transfer-Encoding: chunked"], id="chunked"),
        pytest.param(["--http1.0"], id="HTTP/1.0"),
    ],
)
def test_an_upload(curl: Curl, demo: Demo, tmp_path: Path, how: list[str]) -> None:
    file = tmp_path / NAME
    file.write_bytes(CONTENT)
    assert json.loads(curl(*how, "--upload-file", file, demo / "api/upload")) == UPLOADED


def test_an_upload_of_unknown_length(curl: Curl, demo: Demo) -> None:
    assert json.loads(curl("-T", "-", demo / "api/upload", send=CONTENT)) == UPLOADED


def test_an_upload_waits_for_100_continue(curl: Curl, demo: Demo) -> None:
    """curl would rather give up than send the body unasked."""
    asking = ["-H", "Expect: 100-continue", "--expect100-timeout", 60, "--max-time", 20, "-i"]
    reply = curl(*asking, "-T", "-", demo / "api/upload", send=CONTENT)
    interim, final = split(reply)
    assert interim == ["http/1.1 100 continue"]
    assert json.loads(split(final)[1]) == UPLOADED


def test_an_error_says_what_was_wrong(curl: Curl, demo: Demo) -> None:
    head, body = split(curl("-i", demo / "api/counter?count=-1"))
    assert {"http/1.1 400 bad request", "content-type: application/problem+json"} <= set(head)
    assert "count" in json.loads(body)["detail"]
