"""`--metrics`: the commands that offer figures by default, and the sum over several workers."""

import asyncio
import contextlib
import json
import os
import re
import signal
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from cli.conftest import HELLO, LIMIT, Hello, run
from cli.scraping import body, counted, until_figure
from support.figures import figure
from support.hearing import hear_response
from support.process import RunServer, ServerProcess, alive
from support.rawsocket import RawClient, connect
from support.requests import get

MISSING = "import sys\nsys.modules['prometheus_client'] = None\n"
EACH = 5
"""Requests to each worker."""


async def request_each(server: ServerProcess) -> dict[int, int]:
    """Send requests until both workers had enough; the number of each, by its pid."""
    counts: dict[int, int] = {}
    while len(counts) < 2 or min(counts.values()) < EACH:
        pid = int(await body(server, b"/pid"))
        counts[pid] = counts.get(pid, 0) + 1
    return counts


async def pid_of(client: RawClient) -> int:
    """The pid of the worker with this connection."""
    await client.send(get(b"/pid"))
    answer = await client.read_until(re.compile(rb"\r\n\r\n\d").search, timeout=LIMIT)
    return int(answer.rpartition(b"\n")[2])


async def stream(client: RawClient) -> int:
    """Begin a stream on this connection; the pid of its worker."""
    pid = await pid_of(client)
    await client.send(get(b"/stubborn"))
    await client.read_until(b"begun", timeout=LIMIT)
    return pid


async def test_workers_are_summed_and_streams_of_dead_ones_are_not_open(
    hello: Hello, tmp_path: Path
) -> None:
    (directory := tmp_path / "temporary").mkdir()
    server = hello("--metrics", "--workers", "2", TMPDIR=str(directory))
    served = {"route": "-", "status": "200", "outcome": "complete"}
    counts = await request_each(server)
    await until_figure(server, sum(counts.values()), "exchanges_total", **served)
    async with connect(server.port) as one, connect(server.port) as other:
        pids = [await stream(one), await stream(other)]
        before = sum(counts.values()) + 2
        await until_figure(server, 2, "open_streams", route="-")
        assert "pid=" not in await body(server, b"/metrics")
        await until_figure(server, before, "exchanges_total", **served)
        os.kill(pids[0], signal.SIGKILL)
        await until_figure(server, int(pids[0] != pids[1]), "open_streams", route="-")
        await until_figure(server, before, "exchanges_total", **served)
        again = await request_each(server)
        assert pids[0] not in again, "it was replaced"
        await until_figure(server, before + sum(again.values()), "exchanges_total", **served)
        await until_figure(
            server, before + sum(again.values()) + 2, "first_byte_seconds_count", route="-"
        )
        assert list(directory.iterdir())
    assert await asyncio.to_thread(server.stop) == 0
    assert not any(map(alive, again))
    assert not list(directory.iterdir())


async def test_a_worker_without_requests_serves_the_sum(hello: Hello) -> None:
    server = hello("--metrics", "--workers", "2")
    async with contextlib.AsyncExitStack() as clients:
        pids: dict[int, RawClient] = {}
        count = 0
        while len(pids) < 2:
            client = await clients.enter_async_context(connect(server.port))
            pids[await pid_of(client)] = client
            count += 1
        asked = next(iter(pids.values()))
        async with asyncio.timeout(LIMIT):
            seen = 0.0
            while seen != count:
                asked.received = b""
                await asked.send(get(b"/metrics"))
                scraped = (await hear_response(asked)).content.decode()
                seen = figure(scraped, "exchanges_total", route="-")


async def test_a_given_directory_keeps_all_counts(hello: Hello, tmp_path: Path) -> None:
    """Also those of the last moment before a worker stops."""
    (directory := tmp_path / "given").mkdir()
    server = hello("--metrics", "--workers", "2", PROMETHEUS_MULTIPROC_DIR=str(directory))
    for _ in range(EACH):
        assert await body(server, b"/") == "hello"
    assert await asyncio.to_thread(server.stop) == 0
    registry = CollectorRegistry()
    # The library leaves this one without types.
    MultiProcessCollector(registry, str(directory))  # type: ignore[no-untyped-call]  # theirs
    assert figure(generate_latest(registry).decode(), "exchanges_total", route="-") == EACH
    assert not list(directory.glob("gauge_livesum_*.db"))


async def test_the_demo_offers_figures(run_server: RunServer) -> None:
    server = run_server()
    assert "data:" in await body(server, b"/api/counter?count=2&interval=0")
    figures = await body(server, b"/metrics")
    assert figure(figures, "exchanges_total", route="/api/counter", status="200") == 1
    assert figure(figures, "gap_seconds_count", route="/api/counter") == 1
    assert await body(server, b"/health") == await body(server, b"/ready") == "ok\n"
    # The counts of the app and of the library are included.
    assert "process_open_fds" in figures


async def test_the_demo_without_figures(run_server: RunServer) -> None:
    server = run_server("--no-metrics")
    for path in (b"/metrics", b"/health", b"/ready"):
        assert json.loads(await body(server, path))["status"] == 404


async def test_an_app_offers_figures_on_request(hello: Hello) -> None:
    server = hello()
    assert await body(server, b"/metrics") == await body(server, b"/ready") == "hello"
    server = hello(STREAMSERVER_METRICS="1")
    assert await body(server, b"/") == "hello"
    assert await counted(server, "exchanges_total", route="-") == 1
    assert await body(server, b"/ready") == "ok\n"


async def test_a_relay_offers_its_own_figures_on_request(
    hello: Hello, run_server: RunServer
) -> None:
    upstream = hello("--metrics")
    plain = run_server("proxy", upstream.url)
    counting = run_server("proxy", upstream.url, "--metrics")
    for _ in range(2):
        assert await body(counting, b"/") == "hello"
    figures = await body(counting, b"/metrics")
    assert figure(figures, "upstream_connects_total") == 1
    assert figure(figures, "upstream_reuses_total") == 1
    figures = await body(plain, b"/metrics")
    assert figure(figures, "exchanges_total", route="-") == 2, "those of the upstream"
    assert figure(figures, "upstream_connects_total") == 0


@pytest.fixture
def without_library(tmp_path: Path) -> str:
    """A PYTHONPATH that hides the library."""
    (tmp_path / "sitecustomize.py").write_text(MISSING)
    return os.pathsep.join((str(tmp_path), HELLO["PYTHONPATH"]))


@pytest.mark.parametrize("workers", ["1", "2"])
async def test_the_demo_without_the_library_reports_what_is_missing(
    run_server: RunServer, without_library: str, workers: str
) -> None:
    server = run_server("--workers", workers, env={"PYTHONPATH": without_library})
    problem = json.loads(await body(server, b"/metrics"))
    assert problem["status"] == 501
    assert "pip install '.[metrics]'" in problem["detail"]
    assert await body(server, b"/ready") == "ok\n"
    assert "data:" in await body(server, b"/api/counter?count=1")


@pytest.mark.parametrize("command", [("hello:app",), ("proxy", "http://127.0.0.1:9"), ()])
def test_explicit_figures_need_the_library(without_library: str, command: tuple[str, ...]) -> None:
    done = run(*command, "--metrics", PYTHONPATH=without_library)
    assert done.returncode == 1
    assert done.stderr == (
        "streamserver: --metrics needs prometheus-client: pip install '.[metrics]'\n"
    )


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_missing_directory(tmp_path: Path, workers: str) -> None:
    missing = str(tmp_path / "none")
    done = run("--metrics", "--workers", workers, PROMETHEUS_MULTIPROC_DIR=missing)
    assert done.returncode == 1
    assert done.stderr == (
        f"streamserver: PROMETHEUS_MULTIPROC_DIR names no directory to write in: {missing}\n"
    )
