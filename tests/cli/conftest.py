"""A server of `hello.py` as a process, and curl."""

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, Protocol

import pytest

from support.process import RunServer, ServerProcess

HELLO = {"PYTHONPATH": str(Path(__file__).parent)}
LIMIT = 50
"""Seconds after which something hangs, also on a machine that is busy with other things."""


class Hello(Protocol):
    """Serve the handler of `hello.py` with these options and variables."""

    def __call__(self, *args: str, **variables: str) -> ServerProcess: ...


class Curl(Protocol):
    """Run curl; what it received, or CalledProcessError."""

    def __call__(self, *args: str) -> str: ...


class Certificate(NamedTuple):
    """The paths of a certificate and of its key."""

    cert: str
    key: str


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


@pytest.fixture
def certificate(tmp_path: Path, peer: Callable[[str], str]) -> Certificate:
    """A self-signed one for 127.0.0.1."""
    made = Certificate(str(tmp_path / "cert.pem"), str(tmp_path / "key.pem"))
    make = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=x"
    files = f"-addext subjectAltName=IP:127.0.0.1 -keyout {made.key} -out {made.cert}"
    command = [peer("openssl"), *make.split(), *files.split()]
    subprocess.run(command, check=True, capture_output=True)
    return made
