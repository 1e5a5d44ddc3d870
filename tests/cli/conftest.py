"""A server of `hello.py` as a process, a command that ends by itself, and curl."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import pytest

from support.process import ROOT, RunServer, ServerProcess
from support.rawsocket import connect
from support.waiting import block_until

HELLO = {"PYTHONPATH": str(Path(__file__).parent)}
LIMIT = 50
"""Seconds after which something hangs, also on a machine that is busy with other things."""


class Hello(Protocol):
    """Serve the handler of `hello.py` with these options and variables."""

    def __call__(self, *args: str, **variables: str) -> ServerProcess: ...


class Curl(Protocol):
    """Run curl; what it received, or CalledProcessError."""

    def __call__(self, *args: str) -> str: ...


def run(*args: str, cwd: Path = ROOT, **variables: str) -> subprocess.CompletedProcess[str]:
    """A command that is expected to end by itself."""
    return subprocess.run(
        [sys.executable, "-m", "streamserver", *args],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error", **variables},
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )


def interrupted(
    number: int, shows: bytes, *args: str, **variables: str
) -> subprocess.CompletedProcess[str]:
    """A command that gets a signal as soon as a line that it writes holds these bytes."""
    with subprocess.Popen(
        [sys.executable, "-m", "streamserver", *args],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error", **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if shows in line:
                process.send_signal(number)
                break
        lines, _ = process.communicate(timeout=LIMIT)
    return subprocess.CompletedProcess(process.args, process.returncode, "", lines.decode())


def access_lines(server: ServerProcess, count: int) -> list[str]:
    """The lines of standard output after the one with the URL."""

    def lines() -> list[str] | None:
        lines = server.stdout.read_text().splitlines()[1:]
        return lines if len(lines) >= count else None

    return block_until(lines) or []


async def refusing(server: ServerProcess) -> None:
    """Wait until connections are refused: the first signal has arrived."""
    async with asyncio.timeout(LIMIT):
        while True:
            try:
                async with connect(server.port):
                    await asyncio.sleep(0.01)
            except ConnectionRefusedError:
                return
            except ConnectionResetError:  # it closed in the middle of this attempt
                continue


@pytest.fixture(scope="session")
def target(shared_target: ServerProcess) -> ServerProcess:
    """The target that `bench` measures."""
    return shared_target


@pytest.fixture
def hello(run_server: RunServer) -> Hello:
    """Servers as processes; each is listening when it is handed over, and stops at the end."""

    def start(*args: str, **variables: str) -> ServerProcess:
        return run_server("hello:app", *args, env=HELLO | variables)

    return start


@pytest.fixture
def curl(peer: Callable[[str], str]) -> Curl:
    """Run curl to its end."""

    def run(*args: str) -> str:
        command = [peer("curl"), "-sS", "--fail", "--globoff", *args]
        done = subprocess.run(command, capture_output=True, check=True, timeout=LIMIT)
        return done.stdout.decode()

    return run
