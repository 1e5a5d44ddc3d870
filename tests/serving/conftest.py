"""Programs that call `run`, and supervisors of small workers, as processes."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest

from support.family import Raise, family
from support.process import ServerProcess, start_server

LIMIT = 50
"""Seconds after which something hangs, also on a machine that is busy with other things."""
HEAD = """
import asyncio, json, os, signal, ssl, sys, threading
from streamserver import EventStream, Request, Response, Router, Settings, run, serve

app = Router()

@app.get("/")
async def hello(request):
    return Response("hello")

@app.get("/pid")
async def pid(request):
    return Response(str(os.getpid()))

@app.get("/events")
async def events(request):
    async def ticks():
        while True:
            yield "tick"
            await asyncio.sleep(0.01)
    return EventStream(ticks())

async def closed():
    print("closed", flush=True)

app.on_stop.append(closed)
"""

Program = Callable[[str], ServerProcess]


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Program]:
    """Start a program that begins with HEAD; it is killed at the end if it still runs."""
    with ExitStack() as stack:

        def start(text: str) -> ServerProcess:
            path = tmp_path / "program.py"
            path.write_text(HEAD + text)
            server = start_server(tmp_path, str(path))
            stack.enter_context(server.process)  # which is waited for, once it is killed
            stack.callback(server.process.kill)
            return server

        yield start


@pytest.fixture
def raise_family(tmp_path: Path) -> Raise:
    """Supervisors of the test's own workers."""
    return partial(family, tmp_path)
