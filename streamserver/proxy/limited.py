"""A group whose replicas have a limit of open streams, and the queue in front of it.

A request gets a place if an available replica has a free slot. Otherwise it waits: it is not sent
to a replica that is excluded for a failure while an available one is only busy. Each slot that
becomes free goes to the next request of the queue, and a new request does not overtake those that
wait.

The slots of a replica may be shared with other workers. The kernel does not report their release,
so a worker looks for them every ``POLL`` seconds while requests wait in it. If requests wait in
another worker too, a released slot goes to the worker that looks first: if each worker gave it to
its own requests, those of another worker might never get one.
"""

import asyncio
from collections.abc import Mapping, Sequence
from random import random
from time import monotonic

from streamserver.kit.slots import POLL, Slots
from streamserver.proxy.fair_queue import FairQueue
from streamserver.proxy.group import Group, Place
from streamserver.proxy.replica import Replica
from streamserver.proxy.settings import QueueLimits

LOOK = 0.05
"""Seconds between two looks at the health of the replicas, while requests wait."""


class LimitedGroup(Group):
    """A group whose replicas have these ``slots``. ``queue``: the requests that wait."""

    is_limited = True

    def __init__(
        self, slots: Mapping[Replica, Slots], limits: QueueLimits, repeats_refused: bool = False
    ) -> None:
        super().__init__([*slots], repeats_refused)
        self.longest_wait = limits.wait
        self.slots = slots
        self.queue: FairQueue[Place] = FairQueue(limits, self.leave)
        self._loop = asyncio.get_running_loop()
        self._is_shared = any(each.is_shared for each in slots.values())
        self._timer: asyncio.TimerHandle | None = None
        self._is_closed = False

    async def wait(self, client: str) -> Place:
        """As ``Group.wait``; the error is ``Refused``."""
        if self._timer is None:
            self._set_waiting(True)
            self._look_later()
        return await self.queue.wait(client)

    def leave(self, place: Place) -> None:
        """As ``Group.leave``. The slot is free in the next iteration of the loop, when a connection
        that was aborted is closed: another worker may send a request at once."""
        super().leave(place)
        self._loop.call_soon(self._free, place.replica)

    def close(self) -> None:
        """As ``Group.close``."""
        self._is_closed = True
        self.queue.close()
        if self._timer is not None:
            self._timer.cancel()
        for slots in self.slots.values():
            slots.close()

    def _take(self, candidates: Sequence[Replica], now: float) -> Place | None:
        return None if len(self.queue) else self._take_free(candidates, now)

    def _take_free(
        self, candidates: Sequence[Replica], now: float, is_look: bool = False
    ) -> Place | None:
        for replica in candidates:
            slots = self.slots[replica]
            if (is_look or not slots.is_wanted) and slots.acquire():
                return self._place(replica, now)
        return None

    def _free(self, replica: Replica) -> None:
        if not self._is_closed:
            self.slots[replica].release()
            self._serve()

    def _serve(self, is_look: bool = False) -> None:
        """Give what is free to the requests that wait."""
        while len(self.queue):
            now = monotonic()
            place = self._take_free(self.candidates(now), now, is_look)
            if place is None:
                return
            if not self.queue.give(place):
                self.leave(place)

    # While requests wait

    def _look_later(self) -> None:
        # At random moments, so that of two workers neither is always the first one.
        seconds = POLL * (0.5 + random()) if self._is_shared else LOOK
        self._timer = self._loop.call_later(seconds, self._look)

    def _look(self) -> None:
        self._timer = None
        self._serve(is_look=True)
        if len(self.queue):
            self._look_later()
        else:
            self._set_waiting(False)

    def _set_waiting(self, is_waiting: bool) -> None:
        for slots in self.slots.values():
            slots.set_waiting(is_waiting)
