"""The helpers that all tests lean on: each sees what it is there to see."""

import asyncio
import json
import logging
import os
import signal
import socket
import sys
import threading
import warnings
from collections.abc import AsyncIterator

import pytest

from streamserver.serving.signals import IGNORED, SIGNALS
from support import peers
from support.calling import call
from support.leaks import no_leaks
from support.rawsocket import RawClient, connect, raw
from support.waiting import block_until, wait_until

ABSENT = "no-such-peer"


@pytest.mark.parametrize("look", [peers.program, peers.module, peers.node_package])
@pytest.mark.parametrize(
    ("ci", "outcome"), [("", pytest.skip.Exception), ("true", pytest.fail.Exception)]
)
def test_a_missing_peer_skips_and_fails_under_ci(
    look: object, ci: str, outcome: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI", ci)
    assert callable(look)
    with pytest.raises(outcome, match=ABSENT):
        look(ABSENT)


def test_a_peer_that_is_there_is_found() -> None:
    assert os.access(peers.program("sh"), os.X_OK)
    assert peers.module("sys") is sys


async def test_a_forgotten_task_is_a_leak() -> None:
    with pytest.raises(AssertionError, match="forgotten"):
        async with no_leaks(timeout=0.05):
            task = asyncio.create_task(asyncio.Event().wait(), name="forgotten")
    task.cancel()


async def test_a_forgotten_connection_is_a_leak() -> None:
    with pytest.raises(AssertionError, match="socket"):
        async with no_leaks(timeout=0.05):
            sock = socket.socket()
    sock.close()


async def test_what_ends_a_little_later_is_no_leak() -> None:
    async with no_leaks():
        task = asyncio.create_task(asyncio.sleep(0.02))
    assert task.done()


async def test_waiting_fails_in_time_and_says_for_what() -> None:
    with pytest.raises(AssertionError, match=r"still \[\] after 0.02 s"):
        await wait_until(list, timeout=0.02)
    with pytest.raises(AssertionError, match=r"still \[\] after 0.02 s"):
        block_until(list, timeout=0.02)


def test_a_command_that_is_called_changes_nothing_of_this_process() -> None:
    def state() -> list[object]:
        handlers = [signal.getsignal(number) for number in (*SIGNALS, *IGNORED)]
        hooks = [sys.excepthook, threading.excepthook, sys.unraisablehook, warnings.showwarning]
        logs = [logging.root.level, *logging.root.handlers]
        return [*handlers, *hooks, *logs, *sys.path, os.getcwd(), *sorted(os.environ)]

    before = state()
    done = call("target", "--log-format", "json", "--port", "x", STREAMSERVER_GRACE="1")
    assert (done.returncode, done.stdout) == (2, "")
    assert json.loads(done.stderr)["message"].startswith("streamserver: error: ")
    assert state() == before


@pytest.fixture
async def upper() -> AsyncIterator[int]:
    """The port of a peer that answers each part in upper case, and ends when its client does."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while part := await reader.read(1000):
            writer.write(part.upper())
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]


async def test_a_raw_client_reads_to_the_end_or_until_enough(upper: int) -> None:
    assert await raw(upper, b"hello", eof=True) == b"HELLO"
    assert await raw(upper, b"hello", until=b"LO") == b"HELLO"
    assert await raw(upper, b"hello", until=lambda got: len(got) == 5) == b"HELLO"
    with pytest.raises(TimeoutError):
        await raw(upper, b"hello", timeout=0.05)
    with pytest.raises(EOFError, match="HELLO"):
        await raw(upper, b"hello", eof=True, until=b"BYE")


async def test_a_raw_client_resets_and_tells_a_reset_from_an_end() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        async with connect(listening.getsockname()[1]) as client:
            accepted, _ = listening.accept()
            accepted.setblocking(False)
            server = RawClient(accepted)
            await server.send(b"half")
            await client.read_until(b"half")
            server.reset()
            with pytest.raises(ConnectionResetError):
                await client.read_until()
            assert client.received == b"half"
