"""Load-dependent latency: a target that, like a busy model, answers only so many at once.

    app = busy(app)
    GET /sse?slots=4&queue=10&pool=mine

Whoever finds no slot free waits in a queue, in the order of arrival, with its head; whoever finds
the queue full is refused with a 503. A slot is held until the exchange has ended, however it did.
Those who name the same pool share its slots; without a name, those with the same numbers do. One
client's pool is nothing to those who name another, or none.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable
from contextlib import suppress

from streamserver.kit.params import text, whole
from streamserver.kit.request import Request
from streamserver.kit.response import Response
from streamserver.kit.service import Handler, close
from streamserver.lab.outer import given, may_give, without
from streamserver.wire.problem import HTTPError

SLOTS = whole("slots", 0, 10_000, default=0)
QUEUE = whole("queue", 0, 100_000, default=1000)
POOL = text("pool", 0, 64, default="")
OURS = frozenset(("slots", "queue", "pool"))
MOST_POOLS = 1000


class Pool:
    """Slots, and who waits for one."""

    def __init__(self, slots: int, queue: int) -> None:
        self.slots = slots
        self.queue = queue
        self.taken = 0
        self.waiting: deque[asyncio.Future[None]] = deque()

    @property
    def is_idle(self) -> bool:
        """Whether nobody has a slot or waits for one."""
        return not self.taken and not self.waiting

    async def take(self) -> None:
        """Take a slot, when it is one's turn; HTTPError 503 where the queue is full."""
        if self.taken < self.slots:
            self.taken += 1
            return
        if len(self.waiting) >= self.queue:
            detail = f"all {self.slots} slots are taken, and {self.queue} wait for one"
            raise HTTPError(503, detail, headers={"Retry-After": "1"})
        turn = asyncio.get_running_loop().create_future()
        self.waiting.append(turn)
        try:
            await turn
        except BaseException:
            if turn.cancelled():
                with suppress(ValueError):  # whoever gave a slot back may have passed it over
                    self.waiting.remove(turn)
            else:  # it was given the slot in the moment in which it went away
                self.give_back()
            raise

    def give_back(self) -> None:
        """Give a slot to the next who waits, if one does."""
        while self.waiting:
            turn = self.waiting.popleft()
            if not turn.done():
                return turn.set_result(None)
        self.taken -= 1


def busy(handler: Handler, slots: int = 0, queue: int = 1000) -> Handler:
    """The handler, with as many exchanges at once as each request asks for, or else as there are
    ``slots``; 0 is without a limit."""
    return _Busy(handler, slots, queue)


class _Busy:
    __slots__ = ("_handler", "_pools", "_queue", "_slots")

    def __init__(self, handler: Handler, slots: int, queue: int) -> None:
        self._handler = handler
        self._slots, self._queue = slots, queue
        self._pools: dict[str, Pool] = {}

    async def aclose(self) -> None:
        """Have the handler close what it keeps open."""
        await close(self._handler)

    def __call__(self, request: Request) -> Awaitable[Response]:
        asked = given(request) if may_give(request, OURS) else None
        if asked is None or not OURS.intersection(dict(asked.items())):
            if not self._slots:
                return self._handler(request)
            return self._in_turn(request, "", self._slots, self._queue)
        slots, queue, name = SLOTS.of(asked), QUEUE.of(asked), POOL.of(asked)
        if not slots:
            raise HTTPError(400, "queue and pool need slots", parameter="slots")
        inner = Request(request.exchange)
        inner.target, inner.headers = without(request, OURS)
        return self._in_turn(inner, name or f"{slots} {queue}", slots, queue)

    async def _in_turn(self, request: Request, name: str, slots: int, queue: int) -> Response:
        pool = self._pool(name, slots, queue)
        await pool.take()

        def done() -> None:
            pool.give_back()
            if pool.is_idle and self._pools.get(name) is pool:
                del self._pools[name]

        request.exchange.on_end.append(done)
        return await self._handler(request)

    def _pool(self, name: str, slots: int, queue: int) -> Pool:
        pool = self._pools.get(name)
        if pool is None:
            if len(self._pools) >= MOST_POOLS:
                raise HTTPError(503, f"{MOST_POOLS} pools are in use")
            pool = self._pools[name] = Pool(slots, queue)
        if (pool.slots, pool.queue) != (slots, queue):
            has = f"slots={pool.slots} and queue={pool.queue}, as long as it is in use"
            raise HTTPError(400, f"the pool {name!a} has {has}", parameter="pool")
        return pool
