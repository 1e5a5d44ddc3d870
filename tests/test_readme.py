"""What the README has people paste: each command of its lab works, and answers as it is shown.

Figures differ from run to run, so they are masked; what a busy machine may add is left out.
"""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from support.process import ROOT, RunServer
from support.redis import free_port

README = (ROOT / "README.md").read_text("utf-8")
LAB = README.partition("\n## The lab\n")[2].partition("\n## ")[0]
PYTHON = "python -m streamserver "
LIMIT = 50
STATUSES = (0, 3, 18)
"""3: measured by a busy machine. 18: curl's, for the stream that shall break."""
BUSY = ("verdict ", "not valid ", "this client ")
"""What lines begin with that a run on a busy machine may have, and one on a quiet machine not."""


def examples() -> list[tuple[str, list[str]]]:
    """Commands of the lab, each with what it printed."""
    found: list[tuple[str, list[str]]] = []
    for block in re.findall(r"^```console\n(.*?)^```", LAB, re.DOTALL | re.MULTILINE):
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append((line[2:], []))
            else:
                found[-1][1].append(line)
    return found


def masked(lines: list[str]) -> list[str]:
    """Lines without their figures and spaces, and without those of a busy machine."""
    kept = [line for line in lines if line and not line.startswith(BUSY)]
    told = [line.replace(", which may be chance", "") for line in kept]
    return [re.sub(r"\s+", " ", re.sub(r"[+-]?\d[\d,.]*", "#", line)).strip() for line in told]


@pytest.fixture
def ports() -> dict[str, str]:
    """Free ports instead of those in the README."""
    return {port: str(free_port()) for port in ("8000", "8001", "8002")}


def moved(command: str, ports: dict[str, str]) -> str:
    """The command for these ports, and for a few exchanges instead of many."""
    for port, free in ports.items():
        command = command.replace(port, free)
    return re.sub(r"-n \d+", "-n 4", command)


def test_what_is_pasted_answers_as_it_is_shown(
    run_server: RunServer, ports: dict[str, str], tmp_path: Path
) -> None:
    for command, shown in examples():
        moved_command = moved(command, ports)
        if command.endswith(" &"):
            words = shlex.split(moved_command.removesuffix(" &").removeprefix(PYTHON))
            words = [str(tmp_path / word) if word == "cassettes" else word for word in words]
            port = [] if "--port" in words else ["--port", ports["8000"]]
            run_server(*words, *port)
        else:
            done = subprocess.run(
                moved_command.replace("python", sys.executable, 1),
                shell=True,
                cwd=tmp_path,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                capture_output=True,
                text=True,
                timeout=LIMIT,
                check=False,
            )
            assert done.returncode in STATUSES, (command, done.stderr)
            assert masked(done.stdout.splitlines()) == masked(shown), command


def test_there_is_something_to_paste() -> None:
    assert len(examples()) == 9
