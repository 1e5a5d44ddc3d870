"""`--reload`: the app is loaded again when a file changes."""

import asyncio
import signal
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest

from streamserver.cli import serve
from support import peers
from support.process import ServerProcess, start_server
from support.rawsocket import connect, until_end
from support.relaying import LAST_CHUNK
from support.requests import GET, get
from support.waiting import block_until, wait_until

APP = """
import asyncio
from streamserver import EventStream, Response, Router

app = Router()

@app.get("/")
async def version(request):
    return Response("{version}")

@app.get("/events")
async def events(request):
    async def ticks():
        while True:
            yield "tick"
            await asyncio.sleep(0.05)
    return EventStream(ticks())
"""
SECONDS = 30.0


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "app"
    folder.mkdir()
    (folder / "hello.py").write_text(APP.format(version="first"))
    return folder


@pytest.fixture
def server(tmp_path: Path, folder: Path) -> Iterator[ServerProcess]:
    """A server of a folder, which watches it."""
    peers.module("watchfiles")
    path = {"PYTHONASYNCIODEBUG": ""}
    server = start_server(tmp_path, "hello:app", "--reload", env=path, cwd=folder)
    assert server.url
    block_until(lambda: f"reload: files in {folder} are watched" in server.output())
    yield server
    server.process.kill()
    server.process.wait()


def page(server: ServerProcess) -> str:
    with urlopen(server.url) as response:
        return str(response.read().decode())


async def test_a_save_is_served_at_once_and_a_broken_file_changes_nothing(
    server: ServerProcess, folder: Path, tmp_path: Path
) -> None:
    app = folder / "hello.py"
    async with connect(server.port) as idle, connect(server.port) as reader:
        await idle.send(GET)
        await idle.read_until(b"first")
        await reader.send(get(b"/events"))
        await reader.read_until(b"data: tick")
        for name in ("data.json", ".hidden.py", "hello.py~"):
            (folder / name).write_text("x")
        (tmp_path / "hello.py").write_text(APP.format(version="the second"))
        (tmp_path / "page.html").write_text("a burst of changes")
        for name in ("page.html", "hello.py"):  # as near to each other as possible
            (tmp_path / name).replace(folder / name)
        ended = await reader.read_until(timeout=SECONDS)
        assert b"retry: " in ended
        assert ended.endswith(LAST_CHUNK)
        assert await until_end(idle, SECONDS) == b""
    assert await asyncio.to_thread(page, server) == "the second"

    app.write_text("async def app(request)\n")
    await wait_until(lambda: "the restart failed" in server.output(), SECONDS)
    assert "cannot load hello:app: SyntaxError: expected ':' (hello.py, line 1)" in server.output()
    assert await asyncio.to_thread(page, server) == "the second"

    app.write_text(APP.format(version="the third and last"))
    await wait_until(lambda: server.output().count("restarted: ") == 2, SECONDS)
    assert await asyncio.to_thread(page, server) == "the third and last"

    assert await asyncio.to_thread(server.stop, signal.SIGINT) == 0
    said = [line.partition("reload: ")[2] for line in server.output().splitlines()]
    lines = ["hello.py, page.html changed", "hello.py changed", "hello.py changed"]
    assert [line for line in said if line.endswith("changed")] == lines


def test_reload_without_watchfiles_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(serve, "find_spec", lambda name: None)
    with pytest.raises(SystemExit):
        serve.read(["hello:app", "--reload"], {})
    assert "--reload needs watchfiles: pip install '.[reload]'" in capsys.readouterr().err
