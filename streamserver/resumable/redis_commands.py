"""Commands to all processes that share the answers in a Redis.

They are in one stream, which each process reads from its beginning: a command about an answer of
another process has no effect.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from streamserver.feed.log import ORIGIN
from streamserver.feed.redis_live import LiveReader
from streamserver.resumable.redis_calls import Scripts

MOST = 1000
"""Commands that are kept."""

TTL = 60
"""Seconds after the last command, after which all expire."""


class Commands:
    """The stream at ``key``. ``position`` as in ``AnswerTopic``."""

    def __init__(self, key: str, scripts: Scripts, live: LiveReader) -> None:
        self._key = key
        self._scripts = scripts
        self._live = live
        self._executors: Mapping[str, Callable[[str], object]] = {}
        self.position: str | None = ORIGIN

    def receive(self, **executors: Callable[[str], object]) -> None:
        """Call these with the ids in the commands of their names, from now on."""
        self._executors = executors
        self._live.add(self._key, self)

    async def send(self, command: str, ids: Iterable[str]) -> None:
        """Send a command for each id. An exception of ``connections.failures``."""
        pipeline = self._scripts.client.pipeline(transaction=False)
        for id in ids:
            pipeline.xadd(self._key, {command: id}, maxlen=MOST)
        pipeline.expire(self._key, TTL)
        await pipeline.execute()

    def close(self) -> None:
        """Stop receiving."""
        self._live.remove(self._key)

    async def load(self, client: Any) -> None:
        """Continue, or begin if Redis refused the position."""
        self.position = self.position or ORIGIN

    def on_live(self, found: Any) -> None:
        """Execute commands."""
        self.position = found[-1][0].decode()
        for _, fields in found:
            for command, id in fields.items():
                if (execute := self._executors.get(command.decode())) is not None:
                    execute(id.decode())
