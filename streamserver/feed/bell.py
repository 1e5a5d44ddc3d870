"""What ends the waiting for Redis, where the connection is to be kept.

It is one more stream among those that are waited for, and this process's own: an entry there comes
as any other does. Breaking off the waiting would cost the connection. CLIENT UNBLOCK may come
before the waiting has begun, needs an id that changes with each connection, and is not for all.
"""

import asyncio
import logging
import uuid
from collections.abc import Callable
from typing import Any

from streamserver.feed.log import ORIGIN

log = logging.getLogger("streamserver")

KEPT = 60
"""Seconds for which the stream is there after it was rung last."""

AGAIN = 0.5
"""Seconds until a task that was cancelled, and goes on, is cancelled again."""


class Bell:
    """A stream of this process, below ``prefix``; ``client()`` is whom to ask meanwhile.

    Whoever waits reads what is behind ``position`` in the stream at ``key``. It does not matter
    whether it is rung before the waiting begins, or after.
    """

    __slots__ = ("_client", "_ringing", "key", "position")

    def __init__(self, prefix: str, client: Callable[[], Any]) -> None:
        self._client = client
        self._ringing: set[asyncio.Task[None]] = set()
        self.key = f"{prefix}bell:{uuid.uuid4()}"
        self.position = ORIGIN

    def ring(self) -> None:
        """Have whoever waits go on."""
        task = asyncio.get_running_loop().create_task(self._ring())
        self._ringing.add(task)
        task.add_done_callback(self._ringing.discard)

    def heard(self, found: Any) -> None:
        """It was read up to here."""
        self.position = found[-1][0].decode()

    def reset(self) -> None:
        """Redis may be another now, of which the clock is behind: hear whatever is there."""
        self.position = ORIGIN

    async def close(self) -> None:
        """Ring no more."""
        for task in tuple(self._ringing):
            await end(task)

    async def _ring(self) -> None:
        from redis.exceptions import RedisError, ResponseError

        pipeline = self._client().pipeline(transaction=True)
        pipeline.xadd(self.key, {"rung": 1}, maxlen=1, approximate=False)
        pipeline.expire(self.key, KEPT)
        try:
            await pipeline.execute()
        except ResponseError as error:
            log.error("new feeds are heard of late, since Redis refuses: %s", error)
        except (RedisError, OSError, TimeoutError):
            pass  # then nobody is waiting for it, or not for long


async def end(task: "asyncio.Task[None]") -> None:
    """Cancel a task until it has ended: before Python 3.12 wait_for may miss a cancellation, and
    redis-py sends within one."""
    while not task.done():
        task.cancel()
        await asyncio.wait([task], timeout=AGAIN)
