"""Commands that must reach the worker which holds their subject.

A stream and a job are in one process, but a request about them can reach any worker. A command
whose subject is not here is published to a feed that all workers watch.
"""

import asyncio
import json
import logging
import uuid
from collections.abc import Callable
from contextlib import suppress

from streamserver.feed.feed import Backend, Feed
from streamserver.kit.tasks import cancel
from streamserver.wire.problem import HTTPError
from streamserver.wire.sse import Event

log = logging.getLogger("streamserver")

Execute = Callable[[str], bool]
"""Executes a command on the subject of a name; False if this process does not have it."""


class Commands:
    """The commands of all workers that share ``backend``."""

    def __init__(self, backend: Backend) -> None:
        self._feed = Feed("demo:commands", backend, max_events=1000, ttl=60.0)
        self._executors: dict[str, Execute] = {}
        self._watching: asyncio.Task[None] | None = None
        self._is_ready = asyncio.Event()
        self._sender = uuid.uuid4().hex

    def define(self, command: str, execute: Execute) -> None:
        """Set what a command does."""
        self._executors[command] = execute

    def start(self) -> None:
        """Begin to receive commands of other workers."""
        if self._watching is None:
            self._watching = asyncio.create_task(self._watch())

    async def started(self) -> None:
        """Begin, and wait until no later command is missed."""
        self.start()
        await self._is_ready.wait()

    async def run(self, command: str, name: str) -> None:
        """Execute a command here or at another worker. HTTPError 503 as ``Feed.publish``."""
        if not self._executors[command](name):
            await self.send(command, name)

    async def send(self, command: str, name: str) -> None:
        """Execute a command at the other workers. HTTPError 503 as ``Feed.publish``."""
        await self._feed.publish(Event({"name": name, "sender": self._sender}, event=command))

    async def close(self) -> None:
        """Receive no more commands."""
        watching, self._watching = self._watching, None
        if watching is not None:
            self._is_ready.clear()
            await cancel([watching])

    async def _watch(self) -> None:
        while True:
            with suppress(HTTPError):  # the store is out of reach: an attempt ends with a timeout
                async with self._feed.watch() as events:
                    self._is_ready.set()
                    async for event in events:
                        self._receive(event)

    def _receive(self, event: Event) -> None:
        execute = self._executors.get(event.event or "")
        if execute is None:  # a gap, for example
            return
        try:
            message = json.loads(event.data)
            if message["sender"] != self._sender:
                execute(message["name"])
        except Exception:
            log.exception("a command of another worker failed")
