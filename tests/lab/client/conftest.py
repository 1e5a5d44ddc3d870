"""The client, measuring a response that the test writes."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any, Protocol

import pytest

from streamserver.lab.client.client import Client
from streamserver.lab.client.record import Record
from streamserver.lab.client.request import RequestSpec
from support.loops import factory, open_spares
from support.rawserver import RawServer
from support.rawsocket import RawClient


def pytest_asyncio_loop_factories(config: Any, item: Any) -> Mapping[str, Any]:
    """Tests that are marked `both_loops` run on either loop, others on asyncio's own."""
    kinds = ["asyncio", "uvloop"] if item.get_closest_marker("both_loops") else ["asyncio"]
    return {kind: factory(kind) for kind in kinds}


@pytest.fixture(autouse=True)
async def spares() -> None:
    """Open what a loop keeps open, so that it is no leak."""
    await open_spares()


class Measure(Protocol):
    """Begin an exchange with an upstream, which the test answers; options are the client's."""

    def __call__(
        self, request: RequestSpec | None = None, /, **options: Any
    ) -> contextlib.AbstractAsyncContextManager["Measuring"]: ...


class Measuring:
    """An open exchange."""

    def __init__(self, connection: RawClient, seen: Record, task: "asyncio.Task[None]") -> None:
        self.connection = connection
        self.seen = seen
        """The record so far."""
        self._task = task

    async def record(self, timeout: float = 5.0) -> Record:
        """The record when the exchange has ended."""
        await asyncio.wait_for(self._task, timeout)
        return self.seen


@pytest.fixture
def measure(upstream: RawServer) -> Iterator[Measure]:
    """An exchange whose request has reached the upstream."""
    clients: list[Client] = []

    @contextlib.asynccontextmanager
    async def begin(
        request: RequestSpec | None = None, /, **options: Any
    ) -> AsyncIterator[Measuring]:
        client = Client(request or RequestSpec(upstream.url), **options)
        clients.append(client)
        record = Record()
        task = asyncio.create_task(client.run(record))
        try:
            yield Measuring(await upstream.asked(), record, task)
        finally:
            task.cancel()
            await asyncio.wait([task])

    yield begin
    for client in clients:
        client.close()
