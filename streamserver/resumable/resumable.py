"""Answers that survive their reader, as a handler.

The upstream's stream goes into a log as it arrives, and each reader follows that log. A reader that
loses its connection resumes where it was, at the location of the answer, or with the same request.
"""

import re
from collections.abc import Iterable

from streamserver.feed.feed import Backend
from streamserver.feed.memory import Memory
from streamserver.kit.params import idempotency_key
from streamserver.kit.request import Request
from streamserver.kit.response import Response
from streamserver.proxy.proxy import Proxy
from streamserver.resumable.answers import Answers
from streamserver.resumable.limits import Limits
from streamserver.resumable.question import Question
from streamserver.wire.fields import Headers
from streamserver.wire.problem import HTTPError

LIMITS = Limits()
ALLOWED = "GET, HEAD, DELETE, OPTIONS"

_is_path = re.compile(r"(?:/[A-Za-z0-9._~-]+)+").fullmatch


class Resumable:
    """Relays each request with ``proxy``, and keeps what is an event stream in response to a POST.

    Such a response has an ``id`` for each event, and a Location where GET resumes after
    Last-Event-ID, or the query parameter ``last-event-id``, and DELETE cancels. The same POST
    resumes too if it has an Idempotency-Key: the upstream is asked once. All other responses are
    relayed as by ``proxy`` alone.

    ``backend``: as for ``Feed``; by default the memory of this process. ``resume_window``: seconds
    that an answer runs without a reader before it is cancelled; ``resume_keep``: seconds that it
    can be read after its end. The others: see ``Limits``. ``cookies``: the names of those that
    identify the owner of an answer; None for all. ``path``: of the locations. ValueError for
    invalid arguments.
    """

    def __init__(
        self,
        proxy: Proxy,
        backend: Backend | None = None,
        *,
        resume_window: float = LIMITS.window,
        resume_keep: float = LIMITS.keep,
        max_answers: int = LIMITS.answers,
        max_events: int = LIMITS.events,
        max_bytes: int = LIMITS.bytes,
        max_total: int = LIMITS.total,
        max_body: int = LIMITS.body,
        cookies: Iterable[str] | None = None,
        path: str = "/resumable",
    ) -> None:
        if not _is_path(path):
            raise ValueError(f'path is a path without a slash at its end, as in "/x", not {path!r}')
        limits = Limits(
            resume_window, resume_keep, max_answers, max_events, max_bytes, max_total, max_body
        )
        names = None if cookies is None else frozenset(cookies)
        self._proxy = proxy
        self._answers = Answers(backend or Memory(), limits, names, proxy.heartbeat or None)
        self._max_body = max_body
        self._path = f"{path}/"

    async def __call__(self, request: Request) -> Response:
        """The upstream's response to a request, or the response of a location."""
        target = request.target
        if target.startswith(self._path):
            return await self._at_location(request, target[len(self._path) :].partition("?")[0])
        if request.method != "POST":
            return await self._proxy(request)
        names = {name for name, _ in request.headers.items()}
        key = idempotency_key(request) if "idempotency-key" in names else None
        body, arriving = b"", request.exchange.body
        if arriving is not None:
            arriving.limit = self._max_body
            whole = arriving.take_whole()
            body = await request.body() if whole is None else whole
        sent = _uncompressed(request) if "accept-encoding" in names else request
        outgoing = self._proxy.outgoing(sent, body)
        location = _mount(request.exchange.target, target) + self._path
        question = Question(request, self._proxy, outgoing, body, key, location)
        return await self._answers.ask(question)

    async def _at_location(self, request: Request, id: str) -> Response:
        match request.method:
            case "GET" | "HEAD":
                return await self._answers.follow(request, id)
            case "DELETE":
                return await self._answers.cancel(request, id)
            case "OPTIONS":
                return Response(status=204, headers={"allow": ALLOWED})
        detail = f"allowed methods: {ALLOWED}"
        raise HTTPError(405, detail, headers={"Allow": ALLOWED})

    async def aclose(self) -> None:
        """End all answers, and forget those in memory. The backend stays open."""
        await self._answers.close()


def _mount(received: str, target: str) -> str:
    """What a mount has removed of a target that was ``received``. The path of the mount itself,
    "/m?q", becomes "/?q"."""
    return received.partition("?")[0].removesuffix(target.partition("?")[0])


def _uncompressed(request: Request) -> Request:
    """The request without the codings that it accepts: compressed events could not be split."""
    changed = Request(request.exchange)
    changed.target = request.target
    fields = [field for field in request.headers.items() if field[0] != "accept-encoding"]
    fields.append(("accept-encoding", "identity"))
    changed.headers = Headers.of_lower(fields, request.headers.are_well_formed)
    return changed
