"""Load-dependent latency: a target that, like a busy model, answers a limited number at once.

    app = ConcurrencyLimit(app)
    GET /sse?slots=4&queue=10&pool=mine

An exchange holds a slot until it has ended in any way. Without a free slot a request waits for its
head, in order of arrival; with a full queue it is refused with 503. Requests that name the same
pool share its slots; without a name, requests with the same numbers do.
"""

import asyncio
from collections.abc import Awaitable

from streamserver.kit.params import text, whole
from streamserver.kit.request import Request
from streamserver.kit.response import Response
from streamserver.kit.service import Handler, close
from streamserver.lab.parameters import Documented, given, without
from streamserver.wire.problem import HTTPError

SLOTS = whole("slots", 0, 10_000, default=0)
QUEUE = whole("queue", 0, 100_000, default=1000)
POOL = text("pool", 0, 64, default="")
DOCUMENTED: tuple[Documented, ...] = (
    (SLOTS, "exchanges that are answered at once; 0: no limit"),
    (QUEUE, "exchanges that may wait for a slot; others are refused with 503"),
    (POOL, "requests that name the same pool share its slots"),
)
NAMES = frozenset(one.name for one, _ in DOCUMENTED)
MAX_POOLS = 1000


class SlotPool:
    """Slots, and a queue of exchanges that wait for one."""

    def __init__(self, slots: int, queue: int) -> None:
        self.slots, self.queue = slots, queue
        self.users = 0
        """Exchanges that have a slot or wait for one."""
        self._free = asyncio.Semaphore(slots)

    async def acquire(self) -> None:
        """Wait for a slot; HTTPError 503 if the queue is full."""
        if self.users >= self.slots + self.queue:
            detail = f"all {self.slots} slots are taken, and {self.queue} requests wait for one"
            raise HTTPError(503, detail, headers={"Retry-After": "1"})
        self.users += 1
        try:
            await self._free.acquire()
        except BaseException:
            self.users -= 1
            raise

    def release(self) -> None:
        """Pass the slot to the first in the queue."""
        self.users -= 1
        self._free.release()


class ConcurrencyLimit:
    """A handler with the limit that each request gives; ``slots`` and ``queue`` are the limit of
    requests without one. 0 slots are no limit."""

    __slots__ = ("_handler", "_pools", "_queue", "_slots")

    def __init__(self, handler: Handler, slots: int = 0, queue: int = 1000) -> None:
        self._handler = handler
        self._slots, self._queue = slots, queue
        self._pools: dict[str, SlotPool] = {}

    async def aclose(self) -> None:
        """Close the handler."""
        await close(self._handler)

    def __call__(self, request: Request) -> Awaitable[Response]:
        """The response of the handler, once there is a slot."""
        values = given(request, NAMES)
        if values is None:
            if not self._slots:
                return self._handler(request)
            return self._in_slot(request, "", self._slots, self._queue)
        slots, queue, name = SLOTS.of(values), QUEUE.of(values), POOL.of(values)
        if not slots:
            raise HTTPError(400, "queue and pool need slots", parameter="slots")
        inner = Request(request.exchange)
        inner.target, inner.headers = without(request, NAMES)
        return self._in_slot(inner, name or f"{slots} {queue}", slots, queue)

    async def _in_slot(self, request: Request, name: str, slots: int, queue: int) -> Response:
        pool = self._pool(name, slots, queue)
        await pool.acquire()

        def release() -> None:
            pool.release()
            if not pool.users and self._pools.get(name) is pool:
                del self._pools[name]

        request.exchange.on_end.append(release)
        return await self._handler(request)

    def _pool(self, name: str, slots: int, queue: int) -> SlotPool:
        pool = self._pools.get(name)
        if pool is None:
            if len(self._pools) >= MAX_POOLS:
                raise HTTPError(503, f"{MAX_POOLS} pools are in use")
            pool = self._pools[name] = SlotPool(slots, queue)
        if (pool.slots, pool.queue) != (slots, queue):
            has = f"slots={pool.slots} and queue={pool.queue} until it is no longer used"
            raise HTTPError(400, f"the pool {name!a} has {has}", parameter="pool")
        return pool
