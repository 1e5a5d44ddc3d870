"""One demo for all clients, on each of the event loops that it can run on."""

from collections.abc import Iterator

import pytest

from support import peers
from support.demo import CONTENT, NAME, Demo
from support.process import start_server


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
