"""Orders for whichever worker holds what they are about.

A stream and a job live in one process, but a request about them may reach any. So an order that
nobody here can carry out goes to all other workers, over a feed of its own.
"""

import asyncio
import json
import uuid
from collections.abc import Callable
from contextlib import suppress

from streamserver.feed.feed import Backend, Feed
from streamserver.wire.problem import HTTPError
from streamserver.wire.sse import Event

CarryOut = Callable[[str], bool]
"""Carries out an order about a name; whether it is here."""


class Orders:
    """The orders of all workers with this backend."""

    __slots__ = ("_beginning", "_feed", "_kinds", "_me")

    def __init__(self, backend: Backend) -> None:
        self._feed = Feed("demo:orders", backend, max_events=1000, ttl=60.0)
        self._kinds: dict[str, CarryOut] = {}
        self._beginning: asyncio.Task[Callable[[], object]] | None = None
        self._me = uuid.uuid4().hex

    def define(self, kind: str, carry_out: CarryOut) -> None:
        """What orders of this kind mean here."""
        self._kinds[kind] = carry_out

    def begin(self) -> "asyncio.Task[Callable[[], object]]":
        """Hear orders, from when the task is done; others wait for it too."""
        if self._beginning is None:
            self._beginning = asyncio.create_task(self._watch())
        return self._beginning

    async def give(self, kind: str, name: str) -> None:
        """Have an order carried out, wherever that is. HTTPError 503 as ``publish`` has it."""
        if not self._kinds[kind](name):
            await self.send(kind, name)

    async def send(self, kind: str, name: str) -> None:
        """Have it carried out by others. HTTPError 503 as ``publish`` has it."""
        await self._feed.publish({"kind": kind, "name": name, "by": self._me})

    async def _watch(self) -> Callable[[], object]:
        while True:
            with suppress(HTTPError):  # the store is out of reach; an attempt takes its time
                return await self._feed.watch(self._hear)

    def _hear(self, event: Event) -> None:
        order = json.loads(event.data)
        carry_out = self._kinds.get(order["kind"])
        if carry_out is not None and order["by"] != self._me:
            carry_out(order["name"])

    async def close(self) -> None:
        """Hear no more of them."""
        beginning, self._beginning = self._beginning, None
        if beginning is not None:
            beginning.cancel()  # the store may be out of reach
            await asyncio.wait([beginning])
            if not beginning.cancelled():
                beginning.result()()
