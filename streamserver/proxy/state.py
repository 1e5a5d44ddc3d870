"""What the relays of one proxy share while a listener runs: connections and deadlines."""

import asyncio

from streamserver.proxy.origin import Origin
from streamserver.proxy.pool import Pool
from streamserver.proxy.ports import Beating, Waiting
from streamserver.proxy.settings import PoolLimits, Timeouts
from streamserver.server.deadlines import Deadlines
from streamserver.server.descriptors import Descriptors
from streamserver.wire.problem import HTTPError


class ProxyState:
    """A pool, and the deadlines of each kind: see ``Timeouts``."""

    def __init__(
        self,
        origin: Origin,
        timeouts: Timeouts,
        limits: PoolLimits,
        heartbeat: float,
        descriptors: Descriptors,
    ) -> None:
        self.loop = loop = asyncio.get_running_loop()
        self.pool = Pool(origin, limits, timeouts.connect, descriptors)

        def failing(seconds: float, detail: str) -> Deadlines[Waiting]:
            return Deadlines(loop, seconds, lambda relay: relay.fail(HTTPError(504, detail)))

        self.first_byte = failing(timeouts.first_byte, "the upstream did not respond in time")
        self.gap = failing(timeouts.gap, "the upstream stopped sending")
        self.total = (
            failing(timeouts.total, "the upstream took too long") if timeouts.total else None
        )
        self.beats: Deadlines[Beating] = Deadlines(loop, heartbeat, lambda relay: relay.beat())

    def close(self) -> None:
        """Close the idle connections, and clear all deadlines."""
        self.pool.close()
        for deadlines in (self.first_byte, self.gap, self.total):
            if deadlines is not None:
                deadlines.close()
        self.beats.close()
