"""The replay: a handler that answers as an upstream once did, byte for byte and in its own time.

A request is known by its method, its target with the query, and the hash of its body; the secrets
that a cassette does not hold play no part in it. All moments are absolute: they are counted from
when the request came, so nothing adds up, and how late each read was is told.
"""

import asyncio
import hashlib
import logging
import math
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from time import monotonic_ns

from streamserver.kit.request import Request
from streamserver.kit.response import Response
from streamserver.lab.cassettes.form import Asked, End, Head, Malformed, Part, Read
from streamserver.lab.cassettes.library import Key, Library, parts
from streamserver.lab.cassettes.tape import SECOND
from streamserver.proxy.rewriting import takes_trailers
from streamserver.server.outcome import Outcome
from streamserver.wire.fields import HOP_BY_HOP, split_list
from streamserver.wire.heads import Fields
from streamserver.wire.problem import HTTPError
from streamserver.wire.response_heads import is_bodiless

logger = logging.getLogger("streamserver")


class Replay:
    """Answers from a directory of cassettes.

    ``speed``: how many times as fast as they were recorded; ``math.inf``: without any wait.
    OSError when there is no such directory, ValueError when there is no cassette in it.
    """

    def __init__(self, directory: Path, speed: float = 1.0) -> None:
        self._library = Library(directory)
        self._speed = speed
        for broken in self._library.broken:
            logger.warning("not a cassette: %s", broken)
        if not self._library.count:
            raise ValueError(f"there is no cassette in {directory}")

    async def __call__(self, request: Request) -> Response:
        """What the upstream answered; HTTPError 404 if it never was asked this."""
        request.max_body = None  # none of it is kept
        digest = hashlib.sha256()
        async for part in request:
            digest.update(part)
        key = Key.of(request.method, request.target, digest.hexdigest())
        path = self._library.find(key)
        if path is None:
            nearest = self._library.nearest(key)
            raise HTTPError(404, f"no cassette is of {key}", nearest=nearest)
        return await _Play(request, path, self._speed).response()


class _Play:
    """One cassette, played once."""

    def __init__(self, request: Request, path: Path, speed: float) -> None:
        self._exchange = request.exchange
        self._request = request
        self._path = path
        self._speed = speed
        self._begin = int(request.exchange.started * SECOND)
        self._offset = 0
        self._parts: Iterator[Part] = parts(path)

    async def response(self) -> Response:
        """The head of the answer, when it is due, and what gives its body."""
        part = await self._next()
        while isinstance(part, Head) and part.status < 200:
            await self._until(part.after)
            if part.status != 100:
                self._exchange.connection.inform(part.status, _passed(part.fields, False))
            part = await self._next()
        await self._until(part.after)
        if not isinstance(part, Head):
            assert isinstance(part, End)
            self._cut(part)
            raise HTTPError(502, "unheard, since the connection is cut")
        response = Response(self._body(), part.status)
        bodiless = is_bodiless(self._request.method, part.status)
        for name, value in _passed(part.fields, bodiless):
            response.headers.append(name, value)
        return response

    async def _body(self) -> AsyncIterator[bytes]:
        try:
            while not isinstance(part := await self._next(), End):
                await self._until(part.after)
                assert isinstance(part, Read)
                yield part.data
        except (Malformed, OSError) as error:  # it was changed since we looked at it
            logger.error("%s: %s", self._path.name, error)
            self._exchange.cut(Outcome.TRUNCATED)
            return
        await self._until(part.after)
        if part.end != "complete":
            await self._exchange.connection.flushed()
            self._cut(part)
        elif part.trailers and takes_trailers(self._request.headers.get("te", "") or ""):
            self._exchange.end(trailers=tuple(part.trailers))

    async def _next(self) -> Head | Read | End:
        part = next(self._parts)
        return await self._next() if isinstance(part, Asked) else part

    async def _until(self, after: int) -> None:
        self._offset += after
        if math.isinf(self._speed):
            return
        due = self._begin + round(self._offset / self._speed)
        while (now := monotonic_ns()) < due:
            await asyncio.sleep((due - now) / SECOND)

    def _cut(self, end: End) -> None:
        if end.end != "reset":
            return self._exchange.cut(Outcome.TRUNCATED)
        self._exchange.abandon(Outcome.TRUNCATED)
        self._exchange.connection.cut(reset=True)


def _passed(fields: Fields, bodiless: bool) -> Fields:
    """The fields of a head that say nothing of the connection or the framing, which are made
    anew; where there is no body, its length is no framing."""
    dropped = set(HOP_BY_HOP)
    if not bodiless:
        dropped.add("content-length")
    for name, value in fields:
        if name == "connection":
            dropped.update(split_list(value.lower()))
    return [field for field in fields if field[0] not in dropped]
