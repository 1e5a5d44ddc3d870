"""How a server ends: by one signal, by two, with a thousand streams, with and without workers."""

import asyncio
import contextlib
import json
import os
import resource
import signal
import socket
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from cli.conftest import LIMIT, Curl, Hello, refusing
from cli.scraping import body
from support.limits import file_limit
from support.process import ServerProcess, alive, start_server, workers_of
from support.rawsocket import RawClient, connect
from support.relaying import LAST_CHUNK
from support.waiting import block_until, wait_until

STREAMS = 1000
PART = 65536
SIGNALS = [(signal.SIGTERM, "1"), (signal.SIGINT, "1"), (signal.SIGTERM, "2")]


async def get(client: RawClient, path: str, until: bytes) -> None:
    """Ask, and wait until the answer holds these bytes."""
    await client.send(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    await client.read_until(until, timeout=LIMIT)


async def until_ended(server: ServerProcess) -> int:
    """Its exit status, without stopping this loop."""
    return await asyncio.to_thread(server.wait)


@pytest.fixture
def many_descriptors() -> Iterator[None]:
    """As many as the system allows: a thousand streams need more than some start with."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 2 * STREAMS:
        pytest.skip(f"the system allows only {hard} descriptors")
    with file_limit(hard):
        yield


@pytest.mark.parametrize(("number", "workers"), SIGNALS)
async def test_a_signal_ends_an_endless_stream_properly(
    hello: Hello, number: int, workers: str
) -> None:
    server = hello("--workers", workers)
    async with connect(server.port) as client, connect(server.port) as idle:
        await get(client, "/events", b"data: tick")
        await get(idle, "/", b"hello")
        server.process.send_signal(number)
        assert (await client.read_until(timeout=LIMIT)).endswith(LAST_CHUNK)
        assert (await idle.read_until(timeout=LIMIT)).endswith(b"hello")
    assert await until_ended(server) == 0
    assert "Traceback" not in server.output()


def test_a_thousand_streams_all_end_properly(hello: Hello, many_descriptors: None) -> None:
    server = hello("--no-access-log", PYTHONASYNCIODEBUG="")
    with contextlib.ExitStack() as stack:
        clients = [
            stack.enter_context(socket.create_connection(("127.0.0.1", server.port), LIMIT))
            for _ in range(STREAMS)
        ]
        for client in clients:
            client.sendall(b"GET /events HTTP/1.1\r\nHost: x\r\n\r\n")
        received = [client.recv(PART) for client in clients]
        assert all(b"data: tick" in begun for begun in received)
        server.process.send_signal(signal.SIGTERM)
        ends = [read_all(client) for client in clients]
    assert all(end.endswith(LAST_CHUNK) for end in ends)
    assert server.wait() == 0


def read_all(client: socket.socket) -> bytes:
    """What comes until the end."""
    with client.makefile("rb") as file:
        return file.read()


SLOW = """
from pathlib import Path
import threading

quick = Path(__file__).with_name("quick")
if quick.exists():  # the first time
    quick.unlink()
else:
    print("importing", flush=True)
    threading.Event().wait()

async def app(request): ...
"""


@pytest.fixture
def slow(tmp_path: Path) -> Iterator[Callable[[str], ServerProcess]]:
    """A server with so many workers, of an app whose import never ends.

    With a file `quick`, the first import returns at once.
    """
    (tmp_path / "slow_app.py").write_text(SLOW)
    with contextlib.ExitStack() as stack:

        def start(workers: str) -> ServerProcess:
            command = "slow_app:app", "--workers", workers
            server = start_server(tmp_path, *command, env={"PYTHONPATH": str(tmp_path)})
            stack.enter_context(server.process)  # which is waited for, once it is killed
            stack.callback(server.process.kill)
            return server

        yield start


@pytest.mark.parametrize(("number", "workers"), SIGNALS)
def test_signals_while_the_app_is_imported_end_the_server(
    slow: Callable[[str], ServerProcess], number: int, workers: str
) -> None:
    server = slow(workers)
    block_until(lambda: "importing" in server.output(), LIMIT)
    block_until(lambda: signalled(server, number), LIMIT)
    assert server.wait() == (130 if number == signal.SIGINT else 0)
    assert server.output() == "importing\n"


def signalled(server: ServerProcess, number: int) -> bool:
    """Send it one more signal; whether it has ended."""
    server.process.send_signal(number)
    return server.process.poll() is not None


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
def test_signals_while_the_workers_start_end_all(
    slow: Callable[[str], ServerProcess], tmp_path: Path, second: int
) -> None:
    (tmp_path / "quick").touch()  # for the supervisor
    server = slow("2")
    block_until(lambda: server.output().count("importing") == 2, LIMIT)
    server.process.send_signal(signal.SIGTERM)
    block_until(lambda: signalled(server, second), LIMIT)
    assert server.wait() == 0
    assert "Traceback" not in server.output()


async def test_what_cannot_end_properly_is_cut_after_the_grace_period(hello: Hello) -> None:
    server = hello("--grace", "0.5")
    async with connect(server.port) as client:
        await get(client, "/stubborn", b"begun")
        asked = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        with pytest.raises(ConnectionResetError):
            await client.read_until(timeout=LIMIT)
        assert time.monotonic() - asked >= 0.45
        assert not client.received.endswith(LAST_CHUNK)
    assert await until_ended(server) == 0
    assert server.stdout.read_text().split()[-2] == "drained"


@pytest.mark.parametrize(("number", "workers"), SIGNALS)
async def test_a_second_signal_does_not_wait(hello: Hello, number: int, workers: str) -> None:
    server = hello("--grace", "300", "--workers", workers)
    async with connect(server.port) as client:
        await get(client, "/stubborn", b"begun")
        server.process.send_signal(number)
        await refusing(server)
        server.process.send_signal(number)
        with pytest.raises(ConnectionResetError):
            await client.read_until(timeout=LIMIT)
    assert await until_ended(server) == 0


async def test_a_signal_to_the_process_group_counts_once(hello: Hello) -> None:
    """A terminal's Ctrl-C and a service manager's stop reach supervisor and workers alike."""
    server = hello("--workers", "2", "--grace", "1")
    async with connect(server.port) as client:
        await get(client, "/stubborn", b"begun")
        asked = time.monotonic()
        for pid in (*workers_of(server), server.process.pid):
            os.kill(pid, signal.SIGINT)
        with pytest.raises(ConnectionResetError):
            await client.read_until(timeout=LIMIT)
        assert time.monotonic() - asked >= 0.95
    assert await until_ended(server) == 0


@pytest.mark.parametrize(("loop", "workers"), [("asyncio", "1"), ("uvloop", "1"), ("auto", "2")])
def test_other_signals_are_logged_and_ignored(
    hello: Hello, curl: Curl, loop: str, workers: str
) -> None:
    """By default they kill: the supervisor, or a worker that then is replaced."""
    server = hello("--loop", loop, "--workers", workers)
    pids = {server.process.pid, *workers_of(server)}

    def logged(number: signal.Signals) -> int:
        return server.output().count(f"ignored {number.name}: ")

    for pid in pids - {server.process.pid}:
        os.kill(pid, signal.SIGHUP)  # which is for the supervisor alone
    for number in (signal.SIGUSR1, signal.SIGUSR2):
        for pid in pids:
            os.kill(pid, number)
        block_until(partial(lambda each: logged(each) == len(pids), number), LIMIT)
    assert "SIGHUP" not in server.stderr.read_text().replace("SIGHUP restarts", "")
    if workers == "1":
        server.process.send_signal(signal.SIGHUP)
        line = "ignored SIGHUP: a restart without a refused connection needs --workers 2 or more"
        block_until(lambda: line in server.output(), LIMIT)
    assert curl(server.url) == "hello"
    assert {server.process.pid, *workers_of(server)} == pids
    assert server.stop() == 0


def test_what_a_worker_starts_is_no_worker(hello: Hello, curl: Curl) -> None:
    server = hello("--workers", "2", STREAMSERVER_GRACE="5")
    assert json.loads(curl(f"{server.url}/variables")) == ["STREAMSERVER_GRACE"]


async def test_workers_share_the_port_and_a_dead_one_is_replaced(hello: Hello) -> None:
    server = hello("--workers", "2")
    first = set(workers_of(server))
    assert len(first) == 2

    async def responding() -> set[int]:
        return {int(await body(server, b"/pid")) for _ in range(8)}

    async with asyncio.timeout(LIMIT):
        while await responding() != first:
            pass
    victim = min(first)
    os.kill(victim, signal.SIGKILL)
    await wait_until(lambda: len(set(workers_of(server)) - {victim}) == 2, LIMIT)
    assert await responding() <= set(workers_of(server))
    assert f"(pid {victim}) was killed by signal 9 (Killed); another starts now" in server.output()
    assert server.output().count("listening on") == 1
    assert await asyncio.to_thread(server.stop) == 0


def test_a_unix_socket_outlives_the_workers_that_share_it(
    hello: Hello, curl: Curl, tmp_path: Path
) -> None:
    path = str(tmp_path / "s")
    server = hello("--uds", path, "--workers", "2")
    first = workers_of(server)
    for pid in first:
        os.kill(pid, signal.SIGTERM)
    block_until(lambda: not set(first) & set(workers_of(server)), LIMIT)
    assert int(curl("--unix-socket", path, "http://any/pid")) not in first


async def test_workers_do_not_outlive_a_supervisor_that_was_killed(hello: Hello) -> None:
    server = hello("--workers", "2", "--grace", "20")
    workers = workers_of(server)
    async with connect(server.port) as client:
        await get(client, "/events", b"data: tick")
        server.process.kill()
        assert (await client.read_until(timeout=LIMIT)).endswith(LAST_CHUNK)
    await wait_until(lambda: not any(map(alive, workers)), LIMIT)
