"""Fixtures for every room: a server in the test's loop, a server as a process, real peers."""

import contextlib
import gc
import signal
import ssl
import traceback
from asyncio import constants
from collections.abc import AsyncIterator, Callable, Generator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from xdist.scheduler import LoadFileScheduling

from streamserver.kit.service import Handler
from streamserver.server.observer import Observer
from support import inprocess, peers, phases, process
from support.certificates import Certificate, self_signed
from support.inprocess import Serve
from support.loops import Run, runner
from support.process import RunServer
from support.rawserver import RawServer, raw_server
from support.redis import RedisServer, redis_server

# How long one example takes says more about the machine than about the code.
hypothesis.settings.register_profile("unhurried", hypothesis.settings(), deadline=None)
hypothesis.settings.load_profile("unhurried")

STACK_DEPTH = 2
FIRST = (
    "tests/page/",
    "tests/serving/",
    "tests/test_readme.py",
    "tests/cli/",
)
"""Where the longest tests are. A process that begins them last would run alone at the end."""


class Spread(LoadFileScheduling):  # type: ignore[misc]  # theirs
    """All tests of a file run in one process, and all that need Chromium: it starts once."""

    def _split_scope(self, nodeid: str) -> str:
        return FIRST[0] if nodeid.startswith(FIRST[0]) else super()._split_scope(nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Spread:
    """Divide the tests between the processes of a run."""
    return Spread(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Collect without searches for garbage, of which there is little: a fifth of the time."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()


def _place(item: pytest.Item) -> int:
    """Where in FIRST the file of the test is."""
    return next((n for n, path in enumerate(FIRST) if item.nodeid.startswith(path)), len(FIRST))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest tests, and refuse ids that contain an address: they differ between the
    processes of one run, and pytest-xdist requires that all processes collect the same tests."""
    items.sort(key=_place)
    unstable = [item.nodeid for item in items if " at 0x" in item.nodeid]
    if unstable:
        raise pytest.UsageError("ids that differ between processes:\n" + "\n".join(unstable))


@pytest.fixture(scope="session", autouse=True)
def thrifty(pytestconfig: pytest.Config) -> Iterator[None]:
    """What costs much and tells little: deep stacks for each callback and each future, searches
    for garbage among the modules and the tests themselves, code compiled again.

    A process that a test starts would else compile the standard library anew wherever Python
    may not, or did not, keep its bytecode. All processes of this run share it with the next run.
    """
    bytecode = pytestconfig.rootpath / ".pytest_cache" / "bytecode"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(constants, "DEBUG_STACK_DEPTH", STACK_DEPTH)
        # Futures written in C know nothing of that constant: they ask for the whole stack.
        patch.setattr(traceback.extract_stack, "__defaults__", (None, STACK_DEPTH))
        patch.setenv("PYTHONPYCACHEPREFIX", str(bytecode))
        patch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
        gc.collect()
        gc.freeze()
        yield


@pytest.fixture
def uncollected() -> Iterator[None]:
    """The garbage collector is off: objects are freed with their last reference."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.fixture(scope="session", autouse=True)
def default_signals() -> None:
    """Give processes that tests start the default actions of signals that nohup and shells ignore
    for processes in the background: an ignored signal is inherited, a handler is not."""
    for number in (signal.SIGHUP, signal.SIGINT):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, lambda number, frame: None)


@pytest.fixture(scope="session", autouse=True)
def watched_phases() -> Iterator[None]:
    """Hold every exchange of this process to the table of phases."""
    with pytest.MonkeyPatch.context() as patch:
        phases.watch(patch)
        yield


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Run:
    """Runs a test's coroutine in a loop of this kind, in debug mode."""
    return runner(request.param)


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Servers in this loop; each stops at the end and must leave no task or descriptor behind."""
    async with contextlib.AsyncExitStack() as stack:

        async def start(
            handler: Handler,
            *,
            tls: ssl.SSLContext | None = None,
            observers: Sequence[Observer] = (),
            **settings: Any,
        ) -> inprocess.Served:
            server = inprocess.running(handler, tls=tls, observers=observers, **settings)
            return await stack.enter_async_context(server)

        yield start


@pytest.fixture
async def upstream(serve: Serve) -> AsyncIterator[RawServer]:
    """An upstream whose every byte the test writes; closed before `serve` looks for leaks."""
    async with raw_server() as server:
        yield server


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """A certificate of its own making, for 127.0.0.1."""
    return self_signed(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="session")
def shared_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A Redis that all may use who do it no harm, each below names of its own."""
    with redis_server(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[RedisServer]:
    """A Redis that the test may do harm to; what it has survives its end."""
    with redis_server(tmp_path, keeps=True) as server:
        yield server


@pytest.fixture(scope="session")
def shared_target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[process.ServerProcess]:
    """A target as a process, with default options, for all tests that need no other; it must stop
    without an error."""
    server = process.start_server(tmp_path_factory.mktemp("target"), "target", "--no-access-log")
    assert server.url
    yield server
    assert server.stop() == 0, server.output()


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
