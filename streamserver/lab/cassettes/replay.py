"""The replay: a handler that sends the recorded responses, at the recorded times.

A request is identified by its method, its target and the hash of its body, all redacted. Times are
absolute, counted from the arrival of the request, so delays do not add up. The access log reports
how late each exchange was, and ``/lab/lateness`` all of them.
"""

import hashlib
import logging
import math
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import cast

from streamserver.kit.request import Request
from streamserver.kit.response import Response
from streamserver.kit.router import Router
from streamserver.lab.cassettes.cassette import (
    CassetteError,
    EndEntry,
    HeadEntry,
    ReadEntry,
    RequestEntry,
)
from streamserver.lab.cassettes.library import Library, ReadAhead, RequestKey
from streamserver.lab.cassettes.redaction import redact_target, redactor_of
from streamserver.lab.faults.filters import cut_connection, error_format, wait_until_acknowledged
from streamserver.lab.faults.injection import FaultInjection, inject
from streamserver.lab.target.app import add_lateness
from streamserver.lab.target.events import SECOND
from streamserver.lab.target.pacing import Clock, Lateness
from streamserver.proxy.rewriting import takes_trailers
from streamserver.server.descriptors import is_exhausted
from streamserver.server.phase import Outcome
from streamserver.wire.fields import HOP_BY_HOP, connection_options
from streamserver.wire.heads import Fields
from streamserver.wire.problem import HTTPError
from streamserver.wire.response_heads import is_bodiless

logger = logging.getLogger("streamserver")


def make_replay(directory: Path, speed: float = 1.0) -> Router:
    """A target that answers from the cassettes of a directory.

    ``speed``: the factor on the recorded speed; ``math.inf``: without delays. OSError if there is
    no such directory, ValueError if it has no cassette.
    """
    app = Router()
    lateness = Lateness()
    add_lateness(app, lateness)
    app.mount("/", Replay(directory, speed, lateness))
    return app


class Replay:
    """Answers from a directory; the parameters are those of ``make_replay``.

    A request may ask for faults, unless a cassette has its target: then a target with faults was
    recorded, and the cassette contains them.
    """

    __slots__ = ("_lateness", "_library", "_replay_with_faults", "_speed")

    def __init__(self, directory: Path, speed: float, lateness: Lateness) -> None:
        self._library = library = Library(directory)
        self._speed = speed
        self._lateness = lateness
        self._replay_with_faults = FaultInjection(self._replay)
        for why in library.rejected:
            logger.warning("not replayed: %s", why)
        if not library.count:
            raise ValueError(f"there is no cassette in {directory}")
        logger.info(library.summary())

    async def __call__(self, request: Request) -> Response:
        """The recorded response; HTTPError 404 if no cassette has this request."""
        is_recorded = self._library.has_target(request.method, request.target)
        return await (self._replay if is_recorded else self._replay_with_faults)(request)

    async def _replay(self, request: Request) -> Response:
        clock = Clock(request.exchange, self._lateness)
        clock.start = int(request.exchange.started * SECOND)
        request.max_body = None  # only a hash of it is kept
        digest, redactor = hashlib.sha256(), redactor_of(request.headers.items())
        async for part in request:
            digest.update(redactor.feed(part))
            clock.resume()  # a late request is not a late target
        key = RequestKey(request.method, redact_target(request.target), digest.hexdigest())
        path = self._library.find(key)
        if path is None:
            nearest = self._library.nearest(key)
            raise HTTPError(404, f"there is no cassette of {key}", nearest=nearest)
        response = await _Playback(request, path, Schedule(self._speed), clock).response()
        errors = error_format(response.headers.get("content-type"))
        pieces = cast(AsyncGenerator[bytes, None], response.body)
        response.body = inject(request, pieces, clock.resume, errors)
        return response


class Schedule:
    """When each entry of a cassette is due, at a speed as ``make_replay`` takes it."""

    __slots__ = ("_sum", "speed")

    def __init__(self, speed: float) -> None:
        self.speed = speed
        self._sum = 0

    def offset(self, after: int) -> int | None:
        """Nanoseconds from the request to the next entry, ``after`` from the one before; None if it
        is due at once. The sum is rounded, so errors do not add up."""
        self._sum += after
        return None if math.isinf(self.speed) else round(self._sum / self.speed)


class _Playback:
    __slots__ = (
        *("_clock", "_count", "_entries", "_exchange", "_late_max", "_late_sum", "_path"),
        *("_schedule", "_te"),
    )

    def __init__(self, request: Request, path: Path, schedule: Schedule, clock: Clock) -> None:
        self._exchange = request.exchange
        self._te = request.headers.get("te") or ""
        self._path = path
        self._entries = ReadAhead(path)
        self._schedule = schedule
        self._clock = clock
        self._count = self._late_sum = self._late_max = 0

    async def response(self) -> Response:
        """The response, when its head is due."""
        exchange = self._exchange
        exchange.on_end.append(self._report_lateness)
        try:
            entry = await self._next()
            while isinstance(entry, HeadEntry) and entry.status < 200:
                await self._wait(entry.after)
                if entry.status != 100:
                    exchange.connection.inform(entry.status, end_to_end(entry.fields))
                entry = await self._next()
        except (CassetteError, OSError) as error:
            if is_exhausted(error):
                raise
            raise HTTPError(502, self._has_changed(error)) from error
        await self._wait(entry.after)
        if not isinstance(entry, HeadEntry):
            assert isinstance(entry, EndEntry)
            self._cut(entry)
            raise ConnectionResetError("the recorded response has no head")
        response = Response(self._body(), status=entry.status)
        framing = () if is_bodiless(exchange.method, entry.status) else ("content-length",)
        for name, value in end_to_end(entry.fields, *framing):
            response.headers.append(name, value)
        return response

    async def _body(self) -> AsyncGenerator[bytes, None]:
        exchange = self._exchange
        try:
            while isinstance(entry := await self._next(), ReadEntry):
                await self._wait(entry.after)
                yield entry.data
        except (CassetteError, OSError) as error:
            logger.error(self._has_changed(error))
            exchange.cut(Outcome.TRUNCATED)
            return
        assert isinstance(entry, EndEntry)
        await self._wait(entry.after)
        if entry.end != "complete":
            exchange.flush_head()
            if entry.end == "reset":
                await wait_until_acknowledged(exchange)
            self._cut(entry)
        elif entry.trailers and takes_trailers(self._te):
            exchange.end(trailers=tuple(entry.trailers))

    async def _next(self) -> HeadEntry | ReadEntry | EndEntry:
        entry = await self._entries.next()
        return await self._next() if isinstance(entry, RequestEntry) else entry

    async def _wait(self, after: int) -> None:
        _, due, sent = await self._clock.next_event(self._count, self._schedule.offset(after))
        self._count += 1
        self._late_sum += sent - due
        self._late_max = max(self._late_max, sent - due)

    def _cut(self, end: EndEntry) -> None:
        """Cut the response: as the upstream did, or because the rest of it is unknown."""
        if end.end == "reset":
            cut_connection(self._exchange, reset=True)
        else:
            self._exchange.cut(Outcome.TRUNCATED)

    def _report_lateness(self) -> None:
        if self._count and not math.isinf(self._schedule.speed):
            mean, most = self._late_sum / self._count / 1e6, self._late_max / 1e6
            self._exchange.attributes += (
                ("late_mean_ms", round(mean, 3)),
                ("late_max_ms", round(most, 3)),
            )

    def _has_changed(self, error: Exception) -> str:
        return f"{self._path.name} has changed and is no cassette: {error}"


def end_to_end(fields: Fields, *framing: str) -> Fields:
    """The fields without those of the connection and the framing, which the replay sets itself."""
    connection = [value for name, value in fields if name == "connection"]
    dropped = HOP_BY_HOP.union(framing, connection_options(connection))
    return [field for field in fields if field[0] not in dropped]
