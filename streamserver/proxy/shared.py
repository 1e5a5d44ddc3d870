"""What the relays of one proxy share while one listener runs: connections and deadlines."""

import asyncio
from typing import TYPE_CHECKING

from streamserver.proxy.origin import Origin
from streamserver.proxy.pool import Pool
from streamserver.proxy.settings import PoolLimits, Timeouts
from streamserver.server.deadlines import Deadlines
from streamserver.server.descriptors import Descriptors
from streamserver.wire.problem import HTTPError

if TYPE_CHECKING:
    from streamserver.proxy.asking import Asking
    from streamserver.proxy.events import EventRelay


class Shared:
    """A pool, and a queue of deadlines for each kind of wait."""

    __slots__ = ("beats", "first_byte", "gap", "loop", "pool", "total")

    def __init__(
        self,
        origin: Origin,
        timeouts: Timeouts,
        limits: PoolLimits,
        heartbeat: float,
        descriptors: Descriptors,
    ) -> None:
        self.loop = asyncio.get_running_loop()
        self.pool = Pool(origin, limits, timeouts.connect, descriptors)
        self.first_byte = self._deadlines(timeouts.first_byte, "did not answer in time")
        self.gap = self._deadlines(timeouts.gap, "fell silent")
        self.total = self._deadlines(timeouts.total, "took too long")
        self.beats: Deadlines[EventRelay] = Deadlines(
            self.loop, heartbeat, lambda relay: relay.beat()
        )

    def _deadlines(self, seconds: float, what: str) -> "Deadlines[Asking]":
        detail = f"the upstream {what}"
        return Deadlines(self.loop, seconds, lambda relay: relay.fail(HTTPError(504, detail)))

    def close(self) -> None:
        """Close the idle connections, and forget every deadline."""
        self.pool.close()
        for deadlines in (self.first_byte, self.gap, self.total):
            deadlines.close()
        self.beats.close()
