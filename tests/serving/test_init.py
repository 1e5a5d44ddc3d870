"""What the kernel expects of a process: the first one of a container, and standard streams."""

import asyncio
import os
import pty
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from serving.conftest import LIMIT
from support.managing import managing, process_one, started
from support.process import ROOT
from support.rawsocket import connect
from support.relaying import LAST_CHUNK
from support.requests import get
from support.waiting import wait_until

APP = """
import asyncio, subprocess
from streamserver import Response

async def app(request):
    if request.path == "/orphan":
        subprocess.run(["/bin/sh", "-c", "sleep 300 & :"])
    async def pieces():
        yield "begun"
        if request.path == "/stubborn":
            await asyncio.sleep(300)
    return Response(pieces())
"""


def children(pid: int) -> list[int]:
    """The pids of its children, zombies included."""
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


async def test_the_first_process_reaps_and_passes_signals_on(tmp_path: Path) -> None:
    """A Ctrl-C reaches all processes of a terminal at once, and counts once."""
    (tmp_path / "pieces_app.py").write_text(APP)
    command = [sys.executable, "-m", "streamserver", "pieces_app:app", "--fd", "4"]
    command += ["--grace", "300", "--no-access-log"]
    with (
        managing(f"{tmp_path}/notify") as manager,
        socket.create_server(("127.0.0.1", 0)) as other,
        socket.create_server(("127.0.0.1", 0)) as sock,
        terminal() as (keyboard, screen),
    ):
        variables = {"LISTEN_FDS": "2", "NOTIFY_SOCKET": manager.address}
        variables["PYTHONPATH"] = f"{ROOT}:{tmp_path}"
        sockets = [other, sock]
        with started(command, tmp_path, sockets, variables, process_one(), screen) as server:
            (first,) = await wait_until(lambda: children(server.process.pid), LIMIT)
            await wait_until(lambda: manager.receive(), LIMIT)
            await check_orphans(first, server.port)
            async with connect(server.port) as client:
                await client.send(get(b"/stubborn"))
                await client.read_until(b"begun", LIMIT)
                os.write(keyboard, b"\x03")
                await wait_until(lambda: "STOPPING" in manager.names(), LIMIT)
                with pytest.raises(TimeoutError):
                    await client.read_until(timeout=0.1)
                os.kill(first, signal.SIGTERM)
                with pytest.raises(ConnectionResetError):
                    await client.read_until(timeout=LIMIT)
            assert await asyncio.to_thread(server.wait) == 0
        assert server.stderr.read_text() == ""


async def check_orphans(first: int, port: int) -> None:
    """A program whose parent has ended is a child of process 1, and is gone when it ends."""
    (serving,) = children(first)
    async with connect(port) as client:
        await client.send(get(b"/orphan"))
        await client.read_until(LAST_CHUNK, LIMIT)
    (orphan,) = {*children(first)} - {serving}
    os.kill(orphan, signal.SIGKILL)
    await wait_until(lambda: children(first) == [serving], LIMIT)


@contextmanager
def terminal() -> Iterator[tuple[int, int]]:
    """The descriptors of both sides of a new one."""
    sides = pty.openpty()
    yield sides
    for side in sides:
        os.close(side)


def test_the_exit_status_is_that_of_the_server(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "streamserver", "--fd", "x"]
    with started(command, tmp_path, before=process_one()) as server:
        assert server.wait() == 2
    assert "argument --fd: 'x' is not a whole number from 0 to" in server.output()


@pytest.mark.parametrize(
    ("redirections", "device"),
    [("<&- >&- 2>&-", "null"), ("<&- >/dev/full 2>/dev/full", "full")],
)
async def test_standard_streams_that_cannot_be_used(
    tmp_path: Path, redirections: str, device: str
) -> None:
    """A service outlives them: the file of its log may be on a disk that is full."""
    (tmp_path / "pieces_app.py").write_text(APP)
    command = [sys.executable, "-m", "streamserver", "pieces_app:app", "--fd", "3"]
    before = ["/bin/sh", "-c", f'exec "$@" {redirections}', "sh"]
    env = {"PYTHONPATH": f"{ROOT}:{tmp_path}"}
    with (
        socket.create_server(("127.0.0.1", 0)) as sock,
        started(command, tmp_path, [sock], env, before) as server,
    ):
        async with connect(sock.getsockname()[1]) as client:
            await client.send(get(b"/"))
            await client.read_until(LAST_CHUNK, LIMIT)
        streams = [os.readlink(f"/proc/{server.process.pid}/fd/{n}") for n in range(3)]
        assert await asyncio.to_thread(server.stop) == 0
    assert streams == ["/dev/null", f"/dev/{device}", f"/dev/{device}"]
    assert server.output() == ""
