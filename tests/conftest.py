"""Fixtures for every room: a server in the test's loop, a server as a process, real peers."""

import contextlib
import ssl
from asyncio import constants
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from streamserver.kit.service import Handler
from support import inprocess, peers, process
from support.inprocess import Serve
from support.process import RunServer

# How long one example takes says more about the machine than about the code.
hypothesis.settings.register_profile("unhurried", hypothesis.settings(), deadline=None)
hypothesis.settings.load_profile("unhurried")


@pytest.fixture(scope="session", autouse=True)
def thrifty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What costs much and tells little: deep stacks for each callback, code compiled again.

    A process that a test starts would else compile the standard library anew wherever Python
    may not, or did not, keep its bytecode.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(constants, "DEBUG_STACK_DEPTH", 2)
        patch.setenv("PYTHONPYCACHEPREFIX", str(tmp_path_factory.mktemp("bytecode")))
        patch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
        yield


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Servers in this loop; each stops at the end and must leave no task or descriptor behind."""
    async with contextlib.AsyncExitStack() as stack:

        async def start(
            handler: Handler, *, tls: ssl.SSLContext | None = None, **settings: Any
        ) -> inprocess.Served:
            server = inprocess.running(handler, tls=tls, **settings)
            return await stack.enter_async_context(server)

        yield start


@pytest.fixture
def run_server(tmp_path: Path) -> Iterator[RunServer]:
    """Servers as processes; each is listening when it is handed over, and stops at the end."""
    with contextlib.ExitStack() as stack:

        def start(*args: str, env: Mapping[str, str] | None = None) -> process.ServerProcess:
            server = process.start_server(tmp_path, *args, env=env)
            stack.callback(server.stop)
            assert server.url
            return server

        yield start


@pytest.fixture
def peer() -> Callable[[str], str]:
    """The path of a program such as curl; without it the test skips, or fails under CI=true."""
    return peers.program
