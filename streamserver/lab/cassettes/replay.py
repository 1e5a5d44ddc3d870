"""The replay: a handler that answers as an upstream once did, byte for byte and in its own time.

A request is identified by its method, its target with the query, and the hash of its body, each
without the secrets that no cassette holds. All moments are absolute: they are counted from when the
request came, so nothing adds up, and how late each read was is told, by each exchange in the access
log and by all of them at ``/lab/lateness``.
"""

import hashlib
import logging
import math
from collections.abc import AsyncGenerator
from pathlib import Path

from streamserver.kit.request import Request
from streamserver.kit.response import Response
from streamserver.kit.router import Router
from streamserver.lab.cassettes.ahead import Ahead
from streamserver.lab.cassettes.bodies import redactor_of
from streamserver.lab.cassettes.form import Asked, End, Head, Malformed, Read
from streamserver.lab.cassettes.library import Key, Library
from streamserver.lab.faults.errors import error_format
from streamserver.lab.faults.filters import cut_connection, wait_until_acknowledged
from streamserver.lab.faults.injection import FaultInjection, inject
from streamserver.lab.target.app import add_lateness
from streamserver.lab.target.events import SECOND
from streamserver.lab.target.lateness import Lateness
from streamserver.lab.target.pacing import Clock
from streamserver.proxy.rewriting import takes_trailers
from streamserver.server.descriptors import is_exhausted
from streamserver.server.phase import Outcome
from streamserver.wire.fields import HOP_BY_HOP, connection_options
from streamserver.wire.heads import Fields
from streamserver.wire.problem import HTTPError
from streamserver.wire.response_heads import is_bodiless

logger = logging.getLogger("streamserver")


def make_replay(directory: Path, speed: float = 1.0) -> Router:
    """A target that answers from a directory of cassettes, and tells how late it was.

    ``speed``: how many times as fast as they were recorded; ``math.inf``: without any wait.
    OSError when there is no such directory, ValueError when there is no cassette in it.
    """
    app = Router()
    lateness = Lateness()
    add_lateness(app, lateness)
    app.mount("/", Replay(directory, speed, lateness))
    return app


class Replay:
    """Answers from a directory; the arguments are those of ``make_replay``.

    A request may ask for faults besides, unless there is a cassette of just what it says: whoever
    recorded a target with its faults has them there.
    """

    __slots__ = ("_breaking", "_lateness", "_library", "_speed")

    def __init__(self, directory: Path, speed: float, lateness: Lateness) -> None:
        self._library = library = Library(directory)
        self._speed = speed
        self._lateness = lateness
        self._breaking = FaultInjection(self._play)
        for why in library.refused:
            logger.warning("not played: %s", why)
        if not library.count:
            raise ValueError(f"there is no cassette in {directory}")
        logger.info(library.told())

    async def __call__(self, request: Request) -> Response:
        """What the upstream answered; HTTPError 404 if it never was asked this."""
        is_known = self._library.knows(request.method, request.target)
        return await (self._play if is_known else self._breaking)(request)

    async def _play(self, request: Request) -> Response:
        clock = Clock(request.exchange, self._lateness)
        clock.start = int(request.exchange.started * SECOND)
        request.max_body = None  # none of it is kept
        digest, redactor = hashlib.sha256(), redactor_of(request.headers.items())
        async for part in request:
            digest.update(redactor.feed(part))
            clock.resume()  # who is late with a request makes nobody else late
        key = Key.of(request.method, request.target, digest.hexdigest())
        path = self._library.find(key)
        if path is None:
            nearest = self._library.nearest(key)
            raise HTTPError(404, f"there is no cassette of {key}", nearest=nearest)
        response = await _Play(request, path, Tempo(self._speed), clock).response()
        errors = error_format(response.headers.get("content-type"))
        response.body = inject(request, response.body, clock.resume, errors)
        return response


class Tempo:
    """When each part of a cassette is due: pure. ``speed``: as ``make_replay`` has it."""

    __slots__ = ("_sum", "speed")

    def __init__(self, speed: float) -> None:
        self.speed = speed
        self._sum = 0

    def offset(self, after: int) -> int | None:
        """Nanoseconds from the beginning to what comes so long after the one before; None: at
        once. The sum is what is rounded, so that errors do not add up."""
        self._sum += after
        return None if math.isinf(self.speed) else round(self._sum / self.speed)


class _Play:
    """One cassette, played once."""

    __slots__ = (
        "_clock",
        "_count",
        "_exchange",
        "_late",
        "_latest",
        "_parts",
        "_path",
        "_te",
        "_tempo",
    )

    def __init__(self, request: Request, path: Path, tempo: Tempo, clock: Clock) -> None:
        self._exchange = request.exchange
        self._te = request.headers.get("te") or ""
        self._path = path
        self._parts = Ahead(path)
        self._tempo = tempo
        self._clock = clock
        self._count = self._late = self._latest = 0

    async def response(self) -> Response:
        """The head of the answer, when it is due, with what gives its body."""
        exchange = self._exchange
        exchange.on_end.append(self._tell)
        try:
            part = await self._next()
            while isinstance(part, Head) and part.status < 200:
                await self._due(part.after)
                if part.status != 100:
                    exchange.connection.inform(part.status, passed(part.fields))
                part = await self._next()
        except (Malformed, OSError) as error:
            if is_exhausted(error):
                raise
            raise HTTPError(502, self._has_changed(error)) from error
        await self._due(part.after)
        if not isinstance(part, Head):
            assert isinstance(part, End)
            self._cut(part)
            raise ConnectionResetError("there is nobody to be answered any more")
        response = Response(self._pieces(), part.status)
        is_framing = not is_bodiless(exchange.method, part.status)
        for name, value in passed(part.fields, *(("content-length",) if is_framing else ())):
            response.headers.append(name, value)
        return response

    async def _pieces(self) -> AsyncGenerator[bytes, None]:
        exchange = self._exchange
        try:
            while isinstance(part := await self._next(), Read):
                await self._due(part.after)
                yield part.data
        except (Malformed, OSError) as error:
            logger.error(self._has_changed(error))
            exchange.cut(Outcome.TRUNCATED)
            return
        assert isinstance(part, End)
        await self._due(part.after)
        if part.end != "complete":
            exchange.flush_head()
            if part.end == "reset":
                await wait_until_acknowledged(exchange)
            self._cut(part)
        elif part.trailers and takes_trailers(self._te):
            exchange.end(trailers=tuple(part.trailers))

    async def _next(self) -> Head | Read | End:
        part = await self._parts.next()
        return await self._next() if isinstance(part, Asked) else part

    async def _due(self, after: int) -> None:
        """Wait for what comes so long after the one before."""
        _, due, sent = await self._clock.next_event(self._count, self._tempo.offset(after))
        self._count += 1
        self._late += sent - due
        self._latest = max(self._latest, sent - due)

    def _cut(self, end: End) -> None:
        """As the upstream did; and where that is not known, since the relay heard no more of it,
        so that nobody takes a part for the whole."""
        if end.end != "reset":
            return self._exchange.cut(Outcome.TRUNCATED)
        cut_connection(self._exchange, reset=True)

    def _tell(self) -> None:
        if self._count and not math.isinf(self._tempo.speed):
            mean, most = self._late / self._count / 1e6, self._latest / 1e6
            self._exchange.attributes += (
                ("late_mean_ms", round(mean, 3)),
                ("late_max_ms", round(most, 3)),
            )

    def _has_changed(self, error: Exception) -> str:
        return f"{self._path.name} is no cassette any more: {error}"


def passed(fields: Fields, *framing: str) -> Fields:
    """The fields of a head that say nothing of the connection or the framing: these are made
    anew."""
    connection = [value for name, value in fields if name == "connection"]
    dropped = HOP_BY_HOP.union(framing, connection_options(connection))
    return [field for field in fields if field[0] not in dropped]
