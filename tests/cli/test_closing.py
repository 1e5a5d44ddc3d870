"""What an app keeps open is closed when its server has stopped, in each worker."""

import asyncio
from pathlib import Path

import pytest

from cli.conftest import LIMIT
from support.process import RunServer
from support.rawsocket import connect
from support.relaying import LAST_CHUNK
from support.requests import get

APP = """
import asyncio, os
from streamserver import EventStream, Router

app = Router()

def log(line):  # in one write, since workers share the file
    os.write(1, line + b"\\n")

async def closed():
    await asyncio.sleep(0)
    log(b"closed")

async def failed():
    log(b"failing")
    raise OSError("it is stuck")

app.on_stop.append(closed)

@app.get("/")
async def events(request):
    async def ticks():
        try:
            while True:
                yield "tick"
                await asyncio.sleep(0.01)
        finally:
            log(b"stream ended")
    return EventStream(ticks())
"""


@pytest.mark.parametrize("workers", [1, 2])
async def test_it_is_closed_after_the_streams_have_ended(
    run_server: RunServer, tmp_path: Path, workers: int
) -> None:
    (tmp_path / "keeping.py").write_text(APP)
    options = "keeping:app", "--workers", str(workers), "--no-access-log"
    server = run_server(*options, env={"PYTHONPATH": str(tmp_path)})
    async with connect(server.port) as client:
        await client.send(get(b"/"))
        await client.read_until(b"tick", timeout=LIMIT)
        assert "closed" not in server.output()
        stopping = asyncio.create_task(asyncio.to_thread(server.stop))
        assert (await client.read_until(timeout=LIMIT)).endswith(LAST_CHUNK)
        assert await stopping == 0
    lines = server.stdout.read_text().splitlines()[1:]
    assert sorted(lines) == ["closed"] * workers + ["stream ended"]
    assert lines.index("stream ended") < len(lines) - 1
    assert workers > 1 or lines == ["stream ended", "closed"]


def test_what_cannot_be_closed_is_told(run_server: RunServer, tmp_path: Path) -> None:
    (tmp_path / "keeping.py").write_text(APP + "app.on_stop.append(failed)\n")
    server = run_server("keeping:app", env={"PYTHONPATH": str(tmp_path)})
    assert server.stop() == 1
    assert server.stdout.read_text().splitlines()[1:] == ["failing", "closed"]
    assert "OSError: it is stuck" in server.stderr.read_text()
