"""A server as its users run it: a process of its own, started by its command line.

Its output goes to files, so a chatty server never blocks on a pipe that no test reads.
"""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from support.waiting import block_until

ROOT = Path(__file__).parents[2]
LISTENING = re.compile(r'^(?:{.*")?listening on ([^\s"]+)("|$)', re.MULTILINE)
ENVIRONMENT = {"PYTHONASYNCIODEBUG": "1", "PYTHONWARNINGS": "error", "PYTHONUNBUFFERED": "1"}

HOST = "a"
"""The Host of `support.requests`."""


@dataclass(slots=True)
class ServerProcess:
    """A started `python -m streamserver` and what it wrote."""

    process: subprocess.Popen[bytes]
    stdout: Path
    stderr: Path

    @property
    def url(self) -> str:
        """The origin it says it listens on; AssertionError if it ends before it says so."""
        return block_until(self._told, timeout=40.0)

    @property
    def port(self) -> int:
        """The port of `url`."""
        port = urlsplit(self.url).port
        assert port is not None, f"no port in {self.url}"
        return port

    def output(self) -> str:
        """All it wrote so far, standard output before standard error."""
        return self.stdout.read_text("utf-8") + self.stderr.read_text("utf-8")

    def wait(self, timeout: float = 20.0) -> int:
        """Its exit status, once it ends by itself."""
        return self.process.wait(timeout)

    def stop(self, number: int = signal.SIGTERM, timeout: float = 20.0) -> int:
        """Send it a signal and return its exit status; past `timeout`, kill it and raise."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise

    def _told(self) -> str:
        told = LISTENING.search(self.output())
        assert told or self.process.poll() is None, f"the server ended:\n{self.output()}"
        return told[1] if told else ""


def workers_of(server: ServerProcess) -> list[int]:
    """The pids of its child processes."""
    pid = server.process.pid
    with open(f"/proc/{pid}/task/{pid}/children") as children:
        return list(map(int, children.read().split()))


def alive(pid: int) -> bool:
    """Whether there is such a process."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


class RunServer(Protocol):
    """Start `python -m streamserver` with these arguments and variables."""

    def __call__(self, *args: str, env: Mapping[str, str] | None = None) -> ServerProcess: ...


def start_server(
    directory: Path, *args: str, env: Mapping[str, str] | None = None, cwd: Path = ROOT
) -> ServerProcess:
    """Start `python -m streamserver ARGS` on a port of its own, its output into the directory;
    `python ARGS` if the first is a file."""
    program = () if args and args[0].endswith(".py") else ("-m", "streamserver")
    if program and "--port" not in args and "--uds" not in args:
        args = (*args, "--port", "0")
    if args[0].startswith("--"):  # the demo, which answers only to hosts that it knows
        env = {"STREAMSERVER_ALLOW_HOST": HOST, **(env or {})}
    number = len(list(directory.glob("*.out")))
    stdout, stderr = directory / f"{number}.out", directory / f"{number}.err"
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("STREAMSERVER_")}
    with stdout.open("wb") as out, stderr.open("wb") as err:
        process = subprocess.Popen(
            [sys.executable, *program, *args],
            cwd=cwd,
            env={**inherited, **ENVIRONMENT, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
        )
    return ServerProcess(process, stdout, stderr)
