"""A relay between a raw client and a raw upstream, both under control of the test."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from streamserver.proxy.proxy import Proxy
from support.clock import without_stalls
from support.inprocess import Serve, Served
from support.lane import Lane, lane
from support.loops import Main, Run, open_spares, runner
from support.rawserver import RawServer
from support.relaying import StartRelay


@pytest.fixture
def relay(upstream: RawServer, serve: Serve) -> StartRelay:
    """Relays to `upstream`."""

    async def start(
        *, base: str = "", settings: dict[str, Any] | None = None, **options: Any
    ) -> Served:
        return await serve(Proxy(upstream.url + base, **options), **(settings or {}))

    return start


@pytest.fixture
async def steady_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Deadlines are those of a machine that is not busy."""
    without_stalls(monkeypatch)


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Run:
    """Runs a test's coroutine in a loop of this kind, in debug mode."""
    run_in_loop = runner(request.param)

    def run(main: Main) -> None:
        async def with_spares(loop: asyncio.AbstractEventLoop) -> None:
            await open_spares()
            await main(loop)

        run_in_loop(with_spares)

    return run


@pytest.fixture(scope="module", params=["asyncio", "uvloop"])
def road(request: pytest.FixtureRequest) -> Iterator[Lane]:
    """A relay for all exchanges of a module, in a loop of this kind."""
    with lane(request.param) as each:
        yield each
