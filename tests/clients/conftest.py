"""One demo for all clients, on each of the event loops that it can run on."""

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from support import peers
from support.demo import CONTENT, NAME, Demo
from support.process import start_server

Node = Callable[..., Any]


@pytest.fixture(scope="session", params=["asyncio", "uvloop"])
def demo(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Demo]:
    """The demo on a port of its own; when all clients have gone, it must stop without complaint."""
    peers.module(request.param)
    files = tmp_path_factory.mktemp("files")
    (files / NAME).write_bytes(CONTENT)
    args = ["--files", str(files), "--log-format", "json", "--loop", request.param]
    server = start_server(tmp_path_factory.mktemp("server"), *args)
    try:
        yield Demo(server, server.url)
    finally:
        status = server.stop()
    assert status == 0, server.output()
    assert "Traceback" not in server.output()


@pytest.fixture
def node(peer: Callable[[str], str]) -> Node:
    """Run one of the scripts beside this file, and return what it tells as JSON."""

    def run(script: str, *args: object, send: bytes = b"", **variables: object) -> Any:
        command = [peer("node"), str(Path(__file__).with_name(script)), *map(str, args)]
        env = {**os.environ, **{name: str(value) for name, value in variables.items()}}
        done = subprocess.run(
            command, input=send, env=env, capture_output=True, timeout=30, check=False
        )
        assert done.returncode == 0, done.stderr.decode()
        return json.loads(done.stdout)

    return run
