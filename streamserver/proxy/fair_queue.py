"""Requests that wait for a slot, served fairly between clients.

Clients are served round robin, and the requests of one client in their order: a client with a
thousand requests delays another one by a single request. The number of requests is limited. A full
queue refuses the newest request of the client that has most, so no client can fill it for others.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from ipaddress import AddressValueError, IPv6Address
from math import ceil
from typing import Any, Generic, Literal, TypeVar

from streamserver.proxy.settings import QueueLimits
from streamserver.server.deadlines import Deadlines
from streamserver.wire.forwarded import peer_of
from streamserver.wire.problem import HTTPError

Slot = TypeVar("Slot")
Refusal = Literal["full", "late"]
"""Why a request is refused: too many wait, or it has waited too long."""

LONGEST_RETRY = 60
"""Seconds of a Retry-After at most."""


class Refused(HTTPError):
    """The 503 of a request that may not wait, or has waited too long."""

    def __init__(self, reason: Refusal, detail: str, retry_after: int) -> None:
        super().__init__(503, detail, headers={"Retry-After": str(retry_after)})
        self.reason = reason


class _Waiter:
    """A request that waits, since ``began`` of the loop's clock."""

    __slots__ = ("began", "client", "slot")

    def __init__(self, client: str, slot: "asyncio.Future[Any]", began: float) -> None:
        self.client = client
        self.slot = slot
        self.began = began


class FairQueue(Generic[Slot]):
    """The requests that wait for a slot; the caller defines what a slot is.

    ``take_back`` is called with a slot that was given to a request which was cancelled at the same
    moment. Every operation takes constant time.
    """

    def __init__(self, limits: QueueLimits, take_back: Callable[[Slot], object]) -> None:
        self._limits = limits
        self._take_back = take_back
        self._loop = asyncio.get_running_loop()
        # An OrderedDict, because a dict finds its first key slowly after many were removed.
        self._clients: OrderedDict[str, OrderedDict[_Waiter, None]] = OrderedDict()
        # The clients by their number of requests; the last one of the list is not empty.
        self._by_number: list[OrderedDict[str, None]] = [OrderedDict()]
        self._deadlines: Deadlines[_Waiter] = Deadlines(self._loop, limits.wait, self._expire)
        self._length = 0
        self._recent_wait = 0.0

    def __len__(self) -> int:
        return self._length

    async def wait(self, client: str) -> Slot:
        """Wait for a slot. ``client``: the address, perhaps with a port, as in the access log.

        Refused if the queue is full, and after ``QueueLimits.wait`` seconds.
        """
        waiter = _Waiter(_party(client), self._loop.create_future(), self._loop.time())
        self._add(waiter)
        slot: asyncio.Future[Slot] = waiter.slot
        try:
            return await slot
        except BaseException:
            self._remove(waiter)
            # Cancelled in the same iteration of the loop in which the slot was given to it.
            if slot.done() and not slot.cancelled() and slot.exception() is None:
                self._take_back(slot.result())
            raise

    def give(self, slot: Slot) -> bool:
        """Give a free slot to the next request; False if none waits: the slot stays free."""
        while self._clients:
            client, waiters = next(iter(self._clients.items()))
            waiter = next(iter(waiters))
            self._remove(waiter)
            if waiter.slot.done():  # it was cancelled in this iteration of the loop
                continue
            if waiters:
                self._clients.move_to_end(client)
            self._recent_wait = self._loop.time() - waiter.began
            waiter.slot.set_result(slot)
            return True
        return False

    def close(self) -> None:
        """Stop the timer."""
        self._deadlines.close()

    @property
    def retry_after(self) -> int:
        """An estimate of the seconds until a new request is served: the wait of the last one that
        was served."""
        return min(max(ceil(self._recent_wait), 1), LONGEST_RETRY)

    def _add(self, waiter: _Waiter) -> None:
        if self._length >= self._limits.waiting or not self._limits.wait:
            self._make_room(waiter.client)
        waiters = self._clients.setdefault(waiter.client, OrderedDict())
        waiters[waiter] = None
        self._length += 1
        self._recount(waiter.client, len(waiters) - 1, len(waiters))
        self._deadlines.start(waiter)

    def _make_room(self, client: str) -> None:
        """Refuse the newest request of the client that has most; Refused if that is this one."""
        error = Refused("full", "too many requests wait for the upstream", self.retry_after)
        most = len(self._by_number) - 1
        if not self._limits.wait or most <= len(self._clients.get(client, ())) + 1:
            raise error
        newest = next(reversed(self._clients[next(iter(self._by_number[most]))]))
        self._refuse(newest, error)

    def _expire(self, waiter: _Waiter) -> None:
        self._recent_wait = self._limits.wait
        detail = f"the upstream had no room within {self._limits.wait:g} s"
        self._refuse(waiter, Refused("late", detail, self.retry_after))

    def _refuse(self, waiter: _Waiter, error: Refused) -> None:
        self._remove(waiter)
        if not waiter.slot.done():
            waiter.slot.set_exception(error)

    def _remove(self, waiter: _Waiter) -> None:
        """Remove a request; nothing happens if it was removed before."""
        waiters = self._clients.get(waiter.client)
        if waiters is None or waiter not in waiters:
            return
        del waiters[waiter]
        if not waiters:
            del self._clients[waiter.client]
        self._length -= 1
        self._recount(waiter.client, len(waiters) + 1, len(waiters))
        self._deadlines.stop(waiter)

    def _recount(self, client: str, before: int, after: int) -> None:
        """Note that a client has one request more or fewer."""
        by_number = self._by_number
        by_number[before].pop(client, None)
        if after:
            if after == len(by_number):
                by_number.append(OrderedDict())
            by_number[after][client] = None
        while len(by_number) > 1 and not by_number[-1]:
            by_number.pop()


def _party(client: str) -> str:
    """A client of the queue: an address without its port. For IPv6 it is the network of 64 bits,
    because one machine can use any number of addresses in it (RFC 4291, section 2.5.4)."""
    address, _ = peer_of(client)
    try:
        return str(int(IPv6Address(address)) >> 64)
    except AddressValueError:
        return address
