"""Locust with two workers, whose milestones its master merges.

Locust runs in processes of its own, since it patches the standard library when it is imported.
"""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from streamserver.lab.target.app import make_target
from support.inprocess import Serve
from support.process import ROOT
from support.rawserver import RawServer
from support.redis import free_port

LOCUSTFILE = """
from locust import constant, task
from streamserver.lab.locust import StreamUser

class Reader(StreamUser):
    wait_time = constant(0.05)

    @task(3)
    def read(self):
        self.stream("/sse?count=4&gap=0.01", name="sse")

    @task
    def miss(self):
        self.stream("/nowhere")
"""
LIMIT = 50
Locust: TypeAlias = subprocess.Popen[str]
EXCHANGE = """
import json, sys
from locust.env import Environment
from streamserver.lab.locust import StreamUser

class One(StreamUser):
    host = "http://127.0.0.1"

entries = []
environment = Environment(user_classes=[One])
environment.events.request.add_listener(
    lambda **one: entries.append([one["request_type"], str(one["exception"] or "")])
)
user = One(environment)
for line in sys.stdin:
    user.host, path = line.split()
    user.stream(path)
    print(json.dumps(entries), flush=True)
    entries.clear()
"""


class Locusts:
    """Processes of Locust for one file, which end with the test."""

    def __init__(self, directory: Path) -> None:
        self._file = directory / "locustfile.py"
        self._file.write_text(LOCUSTFILE)
        self._started: list[asyncio.subprocess.Process] = []

    async def start(self, *args: str) -> asyncio.subprocess.Process:
        command = [sys.executable, "-m", "locust", "-f", str(self._file), "--headless", *args]
        process = await asyncio.create_subprocess_exec(
            *command,
            cwd=self._file.parent,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        self._started.append(process)
        return process

    async def end(self) -> None:
        for process in self._started:
            if process.returncode is None:
                process.kill()
            await process.communicate()


async def read(process: asyncio.subprocess.Process) -> list[dict[str, Any]]:
    """The statistics that the master prints at its end."""
    out, err = await asyncio.wait_for(process.communicate(), LIMIT)
    assert out, err.decode()
    statistics: list[dict[str, Any]] = json.loads(out)
    return statistics


async def test_milestones_of_two_workers_are_merged(serve: Serve, tmp_path: Path) -> None:
    target = await serve(make_target())
    port = str(free_port())
    load = ("--users", "4", "--spawn-rate", "20", "--run-time", "1s", "--stop-timeout", "5")
    locusts = Locusts(tmp_path)
    try:
        master = await locusts.start(
            *("--master", "--master-bind-port", port, "--expect-workers", "2", "--json"),
            *("--host", target.url, *load),
        )
        for _ in range(2):
            await locusts.start("--worker", "--master-port", port)
        statistics = {(one["method"], one["name"]): one for one in await read(master)}
    finally:
        await locusts.end()
    count = statistics["GET", "sse"]["num_requests"]
    assert count >= 2
    for milestone in ("head", "first byte", "first event"):
        assert statistics[milestone, "sse"]["num_requests"] == count
    gaps = statistics["gap", "sse"]
    assert gaps["num_requests"] == 3 * count
    assert gaps["total_response_time"] / gaps["num_requests"] > 5  # of 10 ms
    missed = statistics["GET", "/nowhere"]
    assert missed["num_failures"] == missed["num_requests"]
    assert ("first event", "/nowhere") not in statistics


@pytest.mark.parametrize(
    ("below", "path", "entries"),
    [
        ("/lab/", "/lateness", {"head": "", "first byte": "", "GET": ""}),
        ("", "/status/503", {"GET": "refused 503"}),
        ("", "/status/301", {"GET": "redirected"}),
        ("", "/sse?fault=half_head:4", {"GET": "truncated"}),
        ("", "/raw?gap=0&fault=rst@byte:5", {"head": "", "first byte": "", "GET": "reset"}),
    ],
)
async def test_how_an_exchange_ended_is_reported(
    locust: Locust, serve: Serve, below: str, path: str, entries: dict[str, str]
) -> None:
    target = await serve(make_target())
    assert await entries_of(locust, target.url + below, path) == entries


async def test_a_failure_in_band_is_a_failure_for_locust(
    locust: Locust, upstream: RawServer
) -> None:
    entries = asyncio.create_task(entries_of(locust, upstream.url, "/"))
    connection = await upstream.asked(LIMIT)
    await connection.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
    await connection.send(b"event: error\ndata: overloaded\n\n")
    connection.end()
    assert await entries == {"GET": "failed"}


async def test_a_port_without_a_listener(locust: Locust) -> None:
    assert await entries_of(locust, f"http://127.0.0.1:{free_port()}", "/") == {
        "GET": "unconnected"
    }


@pytest.fixture(scope="module")
def locust() -> Iterator[Locust]:
    """A process that executes each exchange of which it reads the host and the path."""
    command, env = [sys.executable, "-c", EXCHANGE], {**os.environ, "PYTHONPATH": str(ROOT)}
    pipe = subprocess.PIPE
    with subprocess.Popen(command, env=env, stdin=pipe, stdout=pipe, text=True) as process:
        yield process  # Popen closes its input at the end


async def entries_of(locust: Locust, host: str, path: str) -> dict[str, str]:
    """The entries of one exchange in Locust, each with the first words of its failure."""
    assert locust.stdin
    assert locust.stdout
    print(host, path, file=locust.stdin, flush=True)
    found = json.loads(await asyncio.to_thread(locust.stdout.readline))
    return {kind: " ".join(why.split()[: 1 + why.startswith("refused ")]) for kind, why in found}
