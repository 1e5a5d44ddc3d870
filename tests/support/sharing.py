"""Servers that keep their answers in one Redis, with one upstream in the hands of the test."""

import contextlib
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from streamserver.feed.redis import Redis
from streamserver.kit.service import Closing
from streamserver.proxy.proxy import Proxy
from streamserver.resumable.resumable import Resumable
from support.inprocess import running
from support.process import ServerProcess, start_server
from support.rawserver import RawServer, raw_server
from support.redis import RedisServer
from support.resuming import Kept

MACHINE = "tests/resumable/machine.py"


@contextlib.asynccontextmanager
async def sharing(
    redis: RedisServer,
    prefix: str,
    *,
    timeout: float = 5.0,
    heartbeat: float = 15.0,
    **options: Any,
) -> AsyncIterator[tuple[Kept, Kept]]:
    """Two while inside, as on two machines, with options of ``Resumable``."""
    async with raw_server() as upstream, contextlib.AsyncExitStack() as stack:
        clients, both = contextlib.AsyncExitStack(), list[Kept]()
        for _ in range(2):
            backend = Redis(redis.url, prefix=prefix, timeout=timeout)
            resumable = Resumable(Proxy(upstream.url), backend, **options)
            serving = running(Closing(resumable, backend.close), heartbeat=heartbeat)
            server = await stack.enter_async_context(serving)
            both.append(Kept(upstream, resumable, server, clients))
        try:
            async with clients:
                clients.enter_context(upstream.accepted)
                yield both[0], both[1]
        finally:
            for kept in both:  # before either looks for leaks: the other's are none
                await kept.server.stop()


def keys_of(redis: RedisServer, prefix: str) -> list[str]:
    """All keys below a prefix."""
    return re.findall(rf"{prefix}\S+", redis.ask("KEYS", f"{prefix}*").decode())


def held(redis: RedisServer, prefix: str, *kinds: str) -> list[str]:
    """The keys of these kinds that answers have."""
    return [key for key in keys_of(redis, prefix) if key.split(":")[-2] in kinds]


@dataclass(slots=True)
class Machines:
    """Servers in processes of their own, with one upstream."""

    directory: Path
    redis: RedisServer
    prefix: str
    upstream: RawServer
    lease: float
    window: float

    def start(self) -> ServerProcess:
        """One more."""
        options = self.upstream.url, self.redis.url, self.prefix, str(self.lease), str(self.window)
        return start_server(self.directory, MACHINE, *options)

    def at(self, process: ServerProcess, clients: contextlib.AsyncExitStack) -> Kept:
        """To make requests there. What is in that process cannot be reached."""
        unknown: Any = None
        server: Any = process
        return Kept(self.upstream, unknown, server, clients)
