"""Locust spreads the load over two workers, and its master has the milestones of both.

Everything of Locust runs in processes of its own: to import it patches the standard library.
"""

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

from streamserver.lab.target.app import make_target
from support.inprocess import Serve
from support.process import ROOT
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


class Locusts:
    """Processes of Locust, all for the same file; they end with the test."""

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
    """The statistics that it prints at its end."""
    out, err = await asyncio.wait_for(process.communicate(), LIMIT)
    assert out, err.decode()
    statistics: list[dict[str, Any]] = json.loads(out)
    return statistics


async def test_milestones_of_two_workers_are_merged(serve: Serve, tmp_path: Path) -> None:
    target = await serve(make_target())
    port = str(free_port())
    load = ("--users", "4", "--spawn-rate", "20", "--run-time", "2s", "--stop-timeout", "5")
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
