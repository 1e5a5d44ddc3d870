"""Faults around a handler, or around a whole application.

    app = FaultInjection(app)

The parameters of the faults are removed from the request, so the handler receives one like any
other. ``X-Lab-Fault`` of the response lists its faults with the positions that were selected. Of
several faults at one position the first one listed takes effect first. The response to HEAD has no
body: it shows only ``half_head``, a status and a wrong Content-Length. The handler's own refusals
have no faults.

A handler may also break its own response:

    return FaultyRequest(request.exchange, parse_faults(["truncate@event:5"], 0)).apply(response)
"""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing
from dataclasses import replace
from random import Random
from typing import Any

from streamserver.kit.params import text, whole
from streamserver.kit.request import Request
from streamserver.kit.response import Response
from streamserver.kit.service import Handler, close
from streamserver.lab.faults import failures, filters
from streamserver.lab.faults.failures import Failures
from streamserver.lab.faults.filters import ErrorFormat, Pieces, error_format, note
from streamserver.lab.faults.grammar import Fault, parse_faults
from streamserver.lab.parameters import Documented, given, read_seed, without
from streamserver.server.answer import FileRegion
from streamserver.server.exchange import Exchange
from streamserver.server.framing import frame
from streamserver.server.phase import Outcome
from streamserver.wire.pieces import as_bytes
from streamserver.wire.problem import HTTPError

FIELD = "x-lab-fault"
PIECE = 64 * 1024
"""Bytes of a file that are read at once."""

FAULT = replace(text("fault", 1, 1000), allowed="NAME[@UNIT:NUMBER][:VALUE], as truncate@event:5")
COUNT = whole("count", 0, 1_000_000, default=10)
DOCUMENTED: tuple[Documented, ...] = (
    (FAULT, "faults of the response, separated by commas"),
    *failures.DOCUMENTED,
)
NAMES = frozenset(one.name for one, _ in DOCUMENTED)


class FaultInjection:
    """A handler with the faults that each request asks for."""

    __slots__ = ("_failures", "_handler")

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._failures = Failures()

    async def aclose(self) -> None:
        """Close the handler."""
        await close(self._handler)

    async def __call__(self, request: Request) -> Response:
        """The response of the handler with its faults; HTTPError for a failure."""
        values = given(request, NAMES)
        if values is None:
            return await self._handler(request)
        seed = read_seed(values)
        faults = parse_faults(values.get_all(FAULT.name), seed, COUNT.of(values))
        failure = self._failures.failure(values, seed)
        if failure is not None:
            note(request.exchange, f"status:{failure.status}")
            raise failure
        inner = FaultyRequest(request.exchange, faults, seed)
        inner.target, inner.headers = without(request, NAMES)
        inner.params = request.params
        response = await self._handler(inner)
        try:
            return inner.apply(response)
        except BaseException:
            request.exchange.notify_cancelled(response)
            await close(response.body)
            raise


def inject(
    request: Request,
    pieces: Pieces,
    on_resume: Callable[[], object] | None = None,
    errors: ErrorFormat | None = None,
) -> Pieces:
    """The pieces of a body with the faults of the request within them, for a handler that writes
    the pieces itself. The end of the response follows when all of them are written.

    ``on_resume`` is called after a stall. HTTPError 400 for an error that ``errors`` cannot report.
    """
    if isinstance(request, FaultyRequest):
        return request.inject(pieces, on_resume, errors)
    return pieces


class FaultyRequest(Request):
    """A request whose response has faults; ``seed`` selects the bytes that they send.

    HTTPError 400 for faults that no response to the request can have.
    """

    __slots__ = ("_break", "_ending", "_faults", "_is_injected", "_seed")

    def __init__(self, exchange: Exchange, faults: Sequence[Fault], seed: int = 0) -> None:
        super().__init__(exchange)
        self._faults = faults
        self._seed = seed
        self._is_injected = False
        self._break: tuple[Fault, Random] | None = None
        endings = [fault for fault in faults if fault.is_ending]
        self._ending = endings[0] if endings else None
        if len(endings) > 1:
            raise _refusal(endings[1], f"cannot be with {endings[0]}: a response has one end")
        for fault in faults:
            if fault.name == "bad_chunk" and not exchange.head.minor:
                raise _refusal(fault, "needs HTTP/1.1, since HTTP/1.0 has no chunks")

    def apply(self, response: Response) -> Response:
        """The response with the faults; HTTPError 400 for a fault that it cannot have."""
        response = response.for_request(self)
        if not self._faults:
            return response
        response.headers[FIELD] = ", ".join(map(str, self._faults))
        if self._ending is not None and self._ending.name == "half_head":
            return _send_half_head(self.exchange, response, self._ending)
        _set_framing(response, self._faults)
        body = _Body(response.body, response.encode)
        if not self._is_injected:
            errors = error_format(response.headers.get("content-type"))
            body.pieces = self.inject(body.pieces, None, errors)
        body.pieces = self._finish(body.pieces, response)
        response.body, response.encode = body, None
        if response.endless is not None:  # a heartbeat would interrupt a stall
            response.endless = response.endless._replace(interval=0)
        return response

    def inject(
        self, pieces: Pieces, on_resume: Callable[[], object] | None, errors: ErrorFormat | None
    ) -> Pieces:
        """As the function ``inject``."""
        self._is_injected = True
        numbered = [(n, fault) for n, fault in enumerate(self._faults) if not fault.is_ending]
        # Of two filters at one position the outer one takes effect first, at the end the inner one.
        at_end = [one for one in numbered if one[1].position.unit == "end"]
        for n, fault in at_end + [one for one in reversed(numbered) if one not in at_end]:
            random = Random(f"{self._seed} {n}")
            if errors is not None:
                fault = replace(fault, position=errors.locate(fault.position))
            if fault.is_break:
                pieces = self._until(pieces, fault, random)
            elif fault.name == "stall":
                pieces = filters.stall(pieces, self.exchange, fault, on_resume)
            elif fault.name == "garbage":
                pieces = filters.garbage(pieces, self.exchange, fault, random)
            elif errors is None:
                raise _refusal(fault, "needs a stream of events or of JSON lines")
            else:
                errors.check(fault.service)
                pieces = filters.error(pieces, self.exchange, fault, errors)
        return pieces

    async def _until(self, pieces: Pieces, fault: Fault, random: Random) -> Pieces:
        """The pieces before a break."""
        async with aclosing(filters.split(pieces, fault.position)) as parts:
            async for part in parts:
                if part is None:
                    self._break = self._break or (fault, random)
                    return
                yield part

    async def _finish(self, pieces: Pieces, response: Response) -> Pieces:
        """All pieces, then the end that a fault makes of the response."""
        exchange, ending, length = self.exchange, self._ending, 0
        if ending is not None and ending.name.startswith("length"):
            length = int(response.headers["content-length"])
            exchange.unbind()
        async with aclosing(pieces):
            async for piece in pieces:
                yield piece
        fault = self._break or (ending and (ending, Random()))
        if fault and exchange.outcome is None:
            await filters.finish(exchange, *fault, length)


_OF_FRAMING = frozenset(("slow_close", "bad_chunk"))
"""Faults that a body in a content coding cannot have; so are those of the length."""


def _set_framing(response: Response, faults: Sequence[Fault]) -> None:
    headers, body = response.headers, response.body
    length = headers.get("content-length")
    if isinstance(body, bytes):
        length = str(len(body))
    elif isinstance(body, FileRegion):
        length = str(body.count)
    if length is not None:
        headers["content-length"] = length
    if "content-length" in headers and any(fault.needs_open_end for fault in faults):
        del headers["content-length"]
    if any(fault.name in _OF_FRAMING or fault.name.startswith("length") for fault in faults):
        headers["cache-control"] = "no-store, no-transform"
    for fault in faults:
        if fault.name == "slow_close":
            headers["connection"] = "close"
        elif fault.name.startswith("length"):
            headers["content-length"] = str(_wrong_length(fault, length))


def _wrong_length(fault: Fault, length: str | None) -> int:
    value = int(fault.value or 0)
    if fault.name == "length":
        return value
    if length is None:
        raise _refusal(fault, "needs a body whose length is known: use length:BYTES")
    by = max(value, 1)
    return int(length) + by if fault.name == "length_over" else max(int(length) - by, 0)


def _send_half_head(exchange: Exchange, response: Response, fault: Fault) -> Response:
    head, *_ = frame(exchange.head, response, "", keep_alive=False, id="")
    size = len(head) // 2 if fault.value is None else min(int(fault.value), len(head) - 1)
    exchange.connection.transport.write(head[:size])
    note(exchange, str(fault))
    exchange.cut(Outcome.TRUNCATED)
    return response


def _refusal(fault: Fault, why: str) -> HTTPError:
    return HTTPError(400, f"fault {fault} {why}", parameter=f"fault {fault.name}")


class _Body:
    """The pieces of a body as bytes; to close it closes the body, begun or not."""

    __slots__ = ("_source", "pieces")

    def __init__(self, body: Any, encode: Callable[[Any], bytes] | None) -> None:
        if hasattr(body, "__aiter__"):
            body = aiter(body)
        elif not isinstance(body, bytes | FileRegion):
            raise HTTPError(400, "fault: this response has no stream of pieces to break")
        self._source = body
        self.pieces = _pieces(body, encode or as_bytes)

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        return await anext(self.pieces)

    async def aclose(self) -> None:
        """Close the filters, then the body."""
        await self.pieces.aclose()
        await close(self._source)
        if isinstance(self._source, FileRegion):
            self._source.file.close()


async def _pieces(body: Any, encode: Callable[[Any], bytes]) -> Pieces:
    if isinstance(body, bytes):
        yield body
    elif isinstance(body, FileRegion):
        body.file.seek(body.offset)
        left = body.count
        while piece := body.file.read(min(left, PIECE)):
            left -= len(piece)
            yield piece
    else:
        async for part in body:
            yield encode(part)
