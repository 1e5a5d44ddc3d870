"""A stream is recorded by one process and played by another, as a user does it."""

import json
import subprocess
from pathlib import Path

from support import peers
from support.model import TARGET, question
from support.process import RunServer

SECRET = "sk-do-not-tell-0123456789"


def curl(url: str, *args: str) -> bytes:
    command = [peers.program("curl"), "-sS", "--fail", "--globoff", *args, url]
    return subprocess.run(command, capture_output=True, check=True, timeout=50).stdout


def test_what_is_recorded_is_played(run_server: RunServer, tmp_path: Path) -> None:
    tapes = tmp_path / "tapes"
    proxy = run_server("proxy", run_server("target").url, "--record", str(tapes))
    asked = ["-d", json.dumps(question(stream=True)), "-H", f"Authorization: Bearer {SECRET}"]
    heard = curl(proxy.url + TARGET, *asked)
    assert heard.endswith(b"data: [DONE]\n\n")
    assert proxy.stop() == 0
    (file,) = tapes.iterdir()
    assert SECRET not in file.read_text("utf-8")
    replay = run_server("target", "--replay", str(tapes), "--speed", "max")
    assert curl(replay.url + TARGET, *asked) == heard
    assert curl(replay.url + TARGET, *asked[:2]) == heard
