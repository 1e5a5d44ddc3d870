"""A supervisor and its workers, which are real processes with a handful of lines: they send each
client their pid."""

import asyncio
import contextlib
import logging
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from streamserver.serving.sockets import listen_tcp
from streamserver.serving.supervisor import Supervisor
from support.process import ROOT

LIMIT = 50

WORKER = """
import asyncio, os, signal, sys
from streamserver.serving.worker import VARIABLE, Report, inherit, obey

async def answer(reader, writer):
    writer.write(b"%d" % os.getpid())
    await writer.drain()
    writer.close()

async def main():
    (listening,), lifeline = inherit(os.environ[VARIABLE])
    if len(sys.argv) > 2:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    await asyncio.start_server(answer, sock=listening)
    abort = lambda: os.write(1, b"abort\\n")
    report = Report("the url", float(sys.argv[1]), "port 1")
    await obey(lifeline, report, drain=lambda: None, retire=lambda: sys.exit(0), abort=abort)
    if "hanging" in sys.argv:
        await asyncio.Event().wait()

if "broken" in sys.argv:
    sys.exit(3)
if "deaf" in sys.argv:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.write(1, b"deaf\\n")
    signal.pause()
asyncio.run(main())
"""


@dataclass(slots=True)
class Family:
    """A supervisor that runs, and what it did."""

    supervisor: Supervisor
    port: int
    script: Path
    """The program of its workers."""
    announced: list[str] = field(default_factory=list)
    exited: list[int] = field(default_factory=list)
    """The pids of the workers that have ended."""
    restarts: list[str] = field(default_factory=list)
    """For each restart that is over, why it failed, or nothing."""
    running: asyncio.Task[None] | None = None

    async def connect(self) -> Awaitable[int]:
        """Connect; the awaitable returns the pid of the worker that answers."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)

        async def answer() -> int:
            with contextlib.closing(writer):
                return int(await asyncio.wait_for(reader.read(), LIMIT))

        return answer()

    async def answer(self) -> int:
        """The pid of the worker that answers one more connection."""
        return await (await self.connect())

    async def pids(self, count: int) -> set[int]:
        """The pids of `count` workers, from as many connections as necessary."""
        found: set[int] = set()
        async with asyncio.timeout(LIMIT):
            while len(found) < count:
                found.add(await self.answer())
        return found

    async def ended(self) -> None:
        assert self.running is not None
        await asyncio.wait_for(asyncio.shield(self.running), LIMIT)


Raise = Callable[..., contextlib.AbstractAsyncContextManager[Family]]


@contextlib.asynccontextmanager
async def family(
    directory: Path, count: int, *args: str, grace: float = 300.0
) -> AsyncIterator[Family]:
    """A supervisor of `count` workers, which runs while inside."""
    script = directory / "worker.py"
    script.write_text(WORKER)
    announced: list[str] = []
    exited: list[int] = []
    restarts: list[str] = []
    with listen_tcp("127.0.0.1", 0, count) as listening:
        supervisor = Supervisor(
            [sys.executable, str(script), str(grace), *args],
            {**os.environ, "PYTHONPATH": str(ROOT)},
            [[sock] for sock in listening],
            grace=grace,
            announce=announced.append,
            on_exit=exited.append,
            on_restarted=restarts.append,
            fixed="port 1",
        )
        port = listening[0].getsockname()[1]
        made = Family(supervisor, port, script, announced, exited, restarts)
        made.running = asyncio.create_task(supervisor.run())
        try:
            yield made
        finally:
            if not made.running.done():
                for _ in range(3):
                    supervisor.stop()
            await made.running


def errors(caplog: pytest.LogCaptureFixture) -> list[str]:
    """The errors that were logged, without the loop's warnings about a busy machine."""
    logged = [record for record in caplog.records if record.levelno == logging.ERROR]
    return [record.getMessage() for record in logged if record.name == "streamserver"]
