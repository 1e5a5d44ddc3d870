"""What blocks a real event loop, as the log names it."""

import asyncio
import gc
import json
import logging
import re
import signal
import socket
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

import pytest

from serving.conftest import LIMIT, Program
from streamserver import EventStream, Request, Response, Router, serve
from streamserver.cli.apps import load_app
from streamserver.server.observer import Observer
from streamserver.serving.watch import watched
from support.leaks import no_leaks
from support.loops import Run, open_spares, runner
from support.rawsocket import raw
from support.readme import blocks, written
from support.requests import get
from support.waiting import block_until

BLOCKED = 0.2
"""Seconds. A machine that is busy adds some, or delays a look."""

Records = Callable[[], list[logging.LogRecord]]

app = Router()


def pause() -> None:
    time.sleep(BLOCKED)


@app.get("/sleep/{id}")
async def sleep(request: Request) -> Response:
    pause()
    return Response("slept")


@app.get("/hold")
async def hold(request: Request) -> Response:
    """Work in C that does not release the interpreter's lock."""
    return Response(str(sum(range(30_000_000))))


@app.get("/stream")
async def stream(request: Request) -> Response:
    async def events() -> AsyncIterator[str]:
        yield "first"
        await asyncio.sleep(0.01)
        pause()
        yield "second"

    return EventStream(events())


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Run:
    """Runs a test's coroutine in a loop of this kind."""
    return runner(request.param)


@pytest.fixture
def records(caplog: pytest.LogCaptureFixture) -> Records:
    """The records of the watch so far."""
    return lambda: [each for each in caplog.records if " the event loop for " in each.msg]


def test_the_handler_its_request_and_its_place_are_named(run: Run, records: Records) -> None:
    async def main(loop: asyncio.AbstractEventLoop) -> None:
        await open_spares()
        async with no_leaks(), serve(app, port=0, loop_health=True) as server:
            port = int(server.url.rpartition(":")[2])
            # A look that is late because the machine is busy excuses the handler for that time.
            for count, target in enumerate((b"/sleep/7?secret=1", b"/hold", b"/stream"), 1):
                while len(known()) < count:
                    await raw(port, get(target, b"Connection: close"), timeout=LIMIT)
                    await asyncio.sleep(0.06)

    def known() -> list[logging.LogRecord]:
        return [each for each in records() if not each.getMessage().startswith("an unknown ")]

    run(main)
    found = [re.sub(r"[0-9.]+ m?s", "N", each.getMessage()) for each in known()]
    slept, held, streamed = (re.sub(r":\d+ ", ":N ", each) for each in found)
    name, file = f"{__name__}:", "serving/test_watch.py:N in"
    assert slept == (
        f"{name}sleep (GET /sleep/{{id}}) blocked the event loop for N at {file} pause;"
        f" stack: {file} pause < {file} sleep"
    )
    assert held == f"{name}hold (GET /hold) blocked the event loop for N at {file} hold; stack:" + (
        f" {file} hold"
    )
    assert streamed.startswith(f"{name}stream.<locals>.events (GET /stream) blocked")
    for record in known():
        stack: str = record.__dict__["stack"]
        assert stack.endswith(" in hold" if record is known()[1] else " in pause")


def test_the_line_of_the_readme(
    records: Records, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program, line = (block for block in blocks() if "slow.py" in block.text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    app = load_app(written(program, tmp_path))

    async def main(loop: asyncio.AbstractEventLoop) -> None:
        async with serve(app, port=0, loop_health=True) as server:
            while not records():
                target = get(b"/thumbnails/200", b"Connection: close")
                await raw(int(server.url.rpartition(":")[2]), target, timeout=LIMIT)
                await asyncio.sleep(0.06)

    runner("asyncio")(main)
    message = re.sub(r"\d+ ms", "301 ms", records()[0].getMessage())
    assert line.text == f"WARNING streamserver: {message}\n"


def test_a_task_and_a_callback_have_no_request(records: Records) -> None:
    async def background() -> None:
        await asyncio.sleep(0)
        pause()

    async def main(loop: asyncio.AbstractEventLoop) -> None:
        with watched(None):
            while not records():
                await asyncio.create_task(background())
                await asyncio.sleep(0.06)
            while len(records()) < 2:
                loop.call_soon(time.sleep, BLOCKED)  # it has no frame
                await asyncio.sleep(0.06)

    runner("asyncio")(main)
    mine, other = (each.getMessage() for each in records())
    assert mine.startswith(f"{__name__}:{background.__qualname__} blocked the event loop for ")
    assert other.startswith("an unknown callback blocked the event loop for ")


def test_no_line_for_a_delay_that_no_handler_caused(records: Records) -> None:
    def work_elsewhere() -> None:
        sum(range(12_000_000))  # it holds the interpreter's lock, in another thread

    async def main(loop: asyncio.AbstractEventLoop) -> None:
        with watched(None):
            await asyncio.to_thread(work_elsewhere)
            # The prompt of a debugger is a frame of a module of this name.
            exec("pause()", {"__name__": "bdb", "pause": pause})
            await asyncio.sleep(0.06)

    runner("asyncio")(main)
    assert records() == []


def test_a_garbage_collection_is_named_as_such(records: Records, uncollected: None) -> None:
    examined = [[number] for number in range(500_000)]

    async def main(loop: asyncio.AbstractEventLoop) -> None:
        with watched(None):
            while not records():
                for _ in range(8):
                    gc.collect()
                await asyncio.sleep(0.06)

    runner("asyncio")(main)
    del examined
    assert records()[0].getMessage().startswith("the garbage collector blocked the event loop for ")


class Delays(Observer):
    """Keeps the delays."""

    def __init__(self) -> None:
        self.all: list[float] = []

    def loop_delays(self, delays: Sequence[float]) -> None:
        self.all += delays


def test_an_observer_gets_evenly_spaced_delays() -> None:
    delays = Delays()

    async def main(loop: asyncio.AbstractEventLoop) -> None:
        while not any(each > BLOCKED - 0.1 for each in delays.all):
            with watched(delays):  # its end flushes
                await asyncio.sleep(0.11)
                pause()
                await asyncio.sleep(0.06)

    runner("asyncio")(main)
    assert 0.0 in delays.all
    first = next(n for n, each in enumerate(delays.all) if each > BLOCKED - 0.1)
    late = delays.all[first : first + 3]
    assert [each - late[0] for each in late] == pytest.approx([0, -0.05, -0.1])


def test_the_thread_ends_with_the_server() -> None:
    async def main(loop: asyncio.AbstractEventLoop) -> None:
        before = threading.active_count()
        with watched(None):
            assert threading.active_count() == before + 1
        assert threading.active_count() == before

    runner("asyncio")(main)


def test_a_stopped_program_has_no_line_and_json_has_the_stack(program: Program) -> None:
    server = program(
        "import time\n"
        "from streamserver.serving import logs\n"
        "logs.configure('json')\n"
        "async def busy(request):\n"
        "    if request.path == '/work':\n"
        "        print('begun', flush=True)\n"
        "        end = time.thread_time() + 0.02\n"
        "        while time.thread_time() < end: pass\n"
        "    else:\n"
        "        time.sleep(0.6)\n"
        "    return Response('done')\n"
        "run(busy, port=0)\n"
    )
    with socket.create_connection(("127.0.0.1", server.port), LIMIT) as client:
        client.sendall(get(b"/work"))
        block_until(lambda: "begun" in server.output())
        server.process.send_signal(signal.SIGSTOP)
        time.sleep(BLOCKED)
        server.process.send_signal(signal.SIGCONT)
        client.recv(1000)
        client.sendall(get(b"/sleep", b"Connection: close"))
        while client.recv(1000):
            pass
    assert server.stop() == 0
    line = server.stderr.read_text()
    record = json.loads(line)
    assert record["message"].startswith("__main__:busy (GET /sleep) blocked the event loop for ")
    assert re.fullmatch(r"/.*/program\.py:\d+ in busy", record["stack"])
