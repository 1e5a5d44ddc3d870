"""A server that the test holds and lets go, and runs against it."""

import asyncio
from collections.abc import Callable, Coroutine
from time import monotonic_ns
from typing import Any

import pytest

from streamserver.kit.request import Request
from streamserver.kit.response import Response
from streamserver.lab.client.client import Ask
from streamserver.lab.client.record import Record
from streamserver.lab.load.job import Job, Share
from streamserver.lab.load.profile import parse
from streamserver.lab.load.run import Run
from support.inprocess import Serve, Served

MS = 1_000_000
SECOND = 1000 * MS


class Held:
    """Answers when it is let; by itself it does at once."""

    def __init__(self) -> None:
        self.targets: list[str] = []
        """All that was asked for."""
        self.waiting = 0
        self.most = 0
        """The most that waited at once."""
        self.gate = asyncio.Event()
        self.gate.set()
        self.stall = range(0)
        """From and up to which request, counted from 1, it stalls by itself."""

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


class Site:
    """The server, and jobs that ask it."""

    def __init__(self, held: Held, served: Served) -> None:
        self.held = held
        self.served = served

    def job(self, path: str = "/{n}", **options: Any) -> Job:
        """A job; a profile may be given as text."""
        for name in {"rate", "concurrency"} & options.keys():
            options[name] = parse(options[name])
        return Job(Ask(f"{self.served.url}{path}"), **options)

    async def run(self, **options: Any) -> tuple[Run, list[Record]]:
        """A whole run, and its records."""
        records: list[Record] = []
        run = Run(self.job(**options), tell=records.append)
        await run.go(monotonic_ns())
        return run, records


@pytest.fixture
async def site(serve: Serve) -> Site:
    held = Held()
    return Site(held, await serve(held))


Start = Callable[[Run], "asyncio.Task[None]"]


def begin(run: Run) -> "asyncio.Task[None]":
    """The run, going on."""
    going: Coroutine[None, None, None] = run.go(monotonic_ns())
    return asyncio.create_task(going)


def shares(job: Job, of: int) -> list[Run]:
    """What so many processes would do."""
    return [Run(job, Share(index, of)) for index in range(of)]
