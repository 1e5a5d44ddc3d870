"""A server that answers when the test opens its gate, and runs against it."""

import asyncio
from time import monotonic_ns
from typing import Any

import pytest

from streamserver.kit.request import Request
from streamserver.kit.response import Response
from streamserver.lab.client.record import Record
from streamserver.lab.client.request import RequestSpec
from streamserver.lab.load.job import Job, Share, parse
from streamserver.lab.load.run import Run
from support.inprocess import Serve, Served

MS = 1_000_000
SECOND = 1000 * MS


class Gated:
    """Answers while its gate is open, as it is at first."""

    def __init__(self) -> None:
        self.targets: list[str] = []
        """Of every request."""
        self.waiting = 0
        self.most = 0
        """The highest value of ``waiting``."""
        self.gate = asyncio.Event()
        self.gate.set()
        self.stall = range(0)
        """Requests, counted from 1, during which it closes the gate."""

    async def __call__(self, request: Request) -> Response:
        self.targets.append(request.target)
        if len(self.targets) == self.stall.start:
            self.gate.clear()
        if len(self.targets) == self.stall.stop:
            self.gate.set()
        self.waiting += 1
        self.most = max(self.most, self.waiting)
        try:
            await self.gate.wait()
        finally:
            self.waiting -= 1
        return Response(b"ok")


def make_job(request: RequestSpec, **options: Any) -> Job:
    """A job; a profile may be given as text."""
    for name in {"rate", "concurrency"} & options.keys():
        options[name] = parse(options[name])
    return Job(request, **options)


async def complete(job: Job) -> tuple[Run, list[Record]]:
    """A complete run, and its records in the order in which they were due."""
    records: list[Record] = []
    run = Run(job, on_record=records.append)
    await run.execute(monotonic_ns())
    return run, in_order(records)


class Site:
    """The server, and jobs for it."""

    def __init__(self, gated: Gated, served: Served) -> None:
        self.gated = gated
        self.served = served

    def job(self, path: str = "/{n}", **options: Any) -> Job:
        return make_job(RequestSpec(f"{self.served.url}{path}"), **options)

    async def run(self, **options: Any) -> tuple[Run, list[Record]]:
        return await complete(self.job(**options))


@pytest.fixture
async def site(serve: Serve) -> Site:
    gated = Gated()
    return Site(gated, await serve(gated))


def in_order(records: list[Record]) -> list[Record]:
    """By when they were due. On a busy machine exchanges may end in another order."""
    return sorted(records, key=lambda record: record.planned)


def begin(run: Run) -> "asyncio.Task[None]":
    """Begin to execute a run."""
    return asyncio.create_task(run.execute(monotonic_ns()))


def shares(job: Job, of: int) -> list[Run]:
    """The runs of several processes."""
    return [Run(job, Share(index, of)) for index in range(of)]
