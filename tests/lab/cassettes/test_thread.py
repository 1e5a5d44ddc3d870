"""A stream is recorded by one process and played by another, as a user does it."""

import subprocess
from pathlib import Path

from support import peers
from support.process import RunServer

SECRET = "sk-do-not-tell-0123456789"


def curl(url: str, *args: str) -> bytes:
    command = [peers.program("curl"), "-sS", "--fail", "--globoff", *args, url]
    return subprocess.run(command, capture_output=True, check=True, timeout=50).stdout


def test_what_is_recorded_is_played(run_server: RunServer, tmp_path: Path) -> None:
    tapes = tmp_path / "tapes"
    target = run_server("target")
    proxy = run_server("proxy", target.url, "--record", str(tapes))
    asked = f"/sse?count=3&gap=0.01&stamps=1&api_key={SECRET}"
    heard = curl(proxy.url + asked, "-H", f"Authorization: Bearer {SECRET}")
    assert heard.count(b"data:") == 3
    assert proxy.stop() == 0
    (file,) = tapes.iterdir()
    assert SECRET not in file.read_text("utf-8")
    replay = run_server("target", "--replay", str(tapes), "--speed", "max")
    assert curl(replay.url + asked) == heard
    assert curl(replay.url + asked.replace(SECRET, "other")) == heard
