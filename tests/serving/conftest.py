"""Programs that call `run`, as processes."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from support.process import ENVIRONMENT, ROOT, ServerProcess

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
            stdout, stderr = tmp_path / "out", tmp_path / "err"
            with stdout.open("wb") as out, stderr.open("wb") as err:
                process = subprocess.Popen(
                    [sys.executable, str(path)],
                    env={**os.environ, **ENVIRONMENT, "PYTHONPATH": str(ROOT)},
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=err,
                )
            stack.enter_context(process)
            stack.callback(process.kill)
            return ServerProcess(process, stdout, stderr)

        yield start
