"""The demo in the test's own loop."""

from pathlib import Path

import pytest

from streamserver.demo.app import make_app
from support.inprocess import Serve, Served


@pytest.fixture
async def server(serve: Serve, tmp_path: Path) -> Served:
    (tmp_path / "b.txt").write_bytes(b"0123456789")
    (tmp_path / "a.bin").write_bytes(bytes(3))
    (tmp_path / "folder").mkdir()
    return await serve(make_app(tmp_path))
