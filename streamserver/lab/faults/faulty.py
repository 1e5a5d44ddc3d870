"""A handler, or a whole application, whose answers break as each request asks.

    app = faulty(app)

It takes the knobs of ``asked`` and ``failing`` out of the query, or else out of the ``X-Lab-*``
fields, so that the handler sees a request like any other, and puts the faults around whatever body
it gives. Which faults a response has, with their places chosen, is told in its ``X-Lab-Fault``: a
client can hold what it saw against it.

A response without a body, as to HEAD, has no place where a body could break: only ``half_head``,
a status and a wrong Content-Length show in it. What the handler refuses is not touched.
"""

from random import randrange

from streamserver.kit.params import whole
from streamserver.kit.request import Request
from streamserver.kit.response import Response
from streamserver.kit.service import Handler, close
from streamserver.lab.faults import failing
from streamserver.lab.faults.applying import FaultyRequest
from streamserver.lab.faults.asked import read_faults
from streamserver.lab.faults.failing import Failing
from streamserver.lab.faults.heads import check
from streamserver.lab.faults.parts import note
from streamserver.lab.outer import given, may_give, without

MOST_SEED = 2**53
OURS = frozenset(("fault", *failing.NAMES))

SEED = whole("seed", 0, MOST_SEED, default=-1)
COUNT = whole("count", 0, 1_000_000, default=10)


def faulty(handler: Handler) -> Handler:
    """The handler, with the faults that each request asks for."""
    return _Faulty(handler)


class _Faulty:
    """A handler around a handler."""

    __slots__ = ("_failing", "_handler")

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._failing = Failing()

    async def aclose(self) -> None:
        """Have the handler close what it keeps open."""
        await close(self._handler)

    async def __call__(self, request: Request) -> Response:
        asked = given(request) if may_give(request, OURS) else None
        if asked is None or not OURS.intersection(dict(asked.items())):
            return await self._handler(request)
        seed = SEED.of(asked)
        if seed < 0:
            seed = randrange(MOST_SEED)
        faults = read_faults(asked.get_all("fault"), seed, COUNT.of(asked))
        failure = self._failing.check(asked, seed)
        if failure is not None:
            note(request.exchange, f"status:{failure.status}")
            raise failure
        check(request, faults)
        inner = FaultyRequest(request.exchange, faults, seed)
        inner.target, inner.headers = without(request, OURS)
        inner.params = request.params
        response = await self._handler(inner)
        try:
            return inner.around(response)
        except BaseException:
            request.exchange.notify_cancelled(response)
            await close(response.body)
            raise
