"""What the relays of one proxy share while a listener runs: connections and deadlines."""

import asyncio
from collections.abc import Sequence

from streamserver.kit.slots import open_slots
from streamserver.proxy.group import Group
from streamserver.proxy.health import Health
from streamserver.proxy.limited import LimitedGroup
from streamserver.proxy.origin import Origin
from streamserver.proxy.pool import Pool
from streamserver.proxy.ports import Beating, Waiting
from streamserver.proxy.replica import Replica
from streamserver.proxy.settings import Backoff, PoolLimits, QueueLimits, Timeouts
from streamserver.server.deadlines import Deadlines
from streamserver.server.descriptors import Descriptors
from streamserver.wire.problem import HTTPError


class ProxyState:
    """The ``replicas``, and the deadlines of each kind: see ``Timeouts``.

    ``pool``: of the first one. ``group``: chooses between them; None for a single upstream without
    a limit of streams.
    """

    def __init__(
        self,
        origins: Sequence[Origin],
        timeouts: Timeouts,
        limits: PoolLimits,
        backoff: Backoff,
        repeats_refused: bool,
        max_streams: int,
        queue: QueueLimits,
        heartbeat: float,
        descriptors: Descriptors,
    ) -> None:
        self.loop = loop = asyncio.get_running_loop()
        is_single = len(origins) == 1  # else the exclusion of a replica is logged

        def replica(origin: Origin) -> Replica:
            pool = Pool(origin, limits, timeouts.connect, descriptors, logs_refusals=is_single)
            return Replica(origin, pool, Health(backoff))

        self.replicas = tuple(map(replica, origins))
        self.pool = self.replicas[0].pool
        self.group: Group | None = None
        if max_streams:
            slots = {each: open_slots(max_streams, each.name) for each in self.replicas}
            self.group = LimitedGroup(slots, queue, repeats_refused)
        elif not is_single:
            self.group = Group(self.replicas, repeats_refused)

        def failing(seconds: float, detail: str) -> Deadlines[Waiting]:
            return Deadlines(loop, seconds, lambda relay: relay.fail(HTTPError(504, detail)))

        self.first_byte: Deadlines[Waiting] = Deadlines(
            loop, timeouts.first_byte, lambda relay: relay.on_late()
        )
        self.gap = failing(timeouts.gap, "the upstream stopped sending")
        self.total = (
            failing(timeouts.total, "the upstream took too long") if timeouts.total else None
        )
        self.beats: Deadlines[Beating] = Deadlines(loop, heartbeat, lambda relay: relay.beat())

    def close(self) -> None:
        """Close the idle connections, and clear all deadlines."""
        if self.group is not None:
            self.group.close()
        for replica in self.replicas:
            replica.pool.close()
        self.first_byte.close()
        self.gap.close()
        if self.total is not None:
            self.total.close()
        self.beats.close()
