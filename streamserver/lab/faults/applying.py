"""From a response to one that breaks as its request asks."""

from collections.abc import AsyncIterator, Callable, Sequence
from random import Random
from typing import Any

from streamserver.kit.request import Request
from streamserver.kit.response import Response
from streamserver.kit.service import close
from streamserver.lab.faults import breaks, filters
from streamserver.lab.faults.asked import Fault
from streamserver.lab.faults.breaks import HELD, Break
from streamserver.lab.faults.heads import half_head, refusal, set_framing
from streamserver.lab.faults.inband import InBand, in_band
from streamserver.lab.faults.parts import Faulty
from streamserver.lab.faults.places import END, Place
from streamserver.server.answer import FileRegion
from streamserver.server.exchange import Exchange
from streamserver.wire.problem import HTTPError

FIELD = "x-lab-fault"
PIECE = 64 * 1024
"""Bytes of a file that are read at once."""
LATE = 1.0
"""Seconds by which a close is late, where none are given."""


def in_stream(
    request: Request,
    pieces: Faulty,
    resumed: Callable[[], object] | None = None,
    in_band: InBand | None = None,
) -> Faulty:
    """For a handler that writes the pieces of its body itself: the pieces, with what shall happen
    between them. ``resumed`` is called when a stall is over; ``in_band`` reports an error.

    HTTPError 400 for an error that this stream cannot report.
    """
    if isinstance(request, FaultyRequest):
        return request.inside(pieces, resumed, in_band)
    return pieces


class FaultyRequest(Request):
    """A request whose response shall have faults; of those at one place, the first strikes
    first. Those that send bytes of their own draw them by ``seed``."""

    __slots__ = ("_breaks", "_faults", "_is_inside", "_seed")

    def __init__(self, exchange: Exchange, faults: Sequence[Fault], seed: int = 0) -> None:
        super().__init__(exchange)
        self._faults = faults
        self._seed = seed
        self._is_inside = False
        self._breaks: list[tuple[Fault, Break]] = []

    def around(self, response: Response) -> Response:
        """The response with the faults; HTTPError 400 for one that it cannot have."""
        response = response.for_request(self)
        if not self._faults:
            return response
        ends = [fault for fault in self._faults if fault.is_end]
        response.headers[FIELD] = ", ".join(map(str, self._faults))
        if ends and ends[0].name == "half_head":
            return half_head(self, response, ends[0])
        set_framing(response, self._faults)
        body = _Body(response.body, response.encode)
        if not self._is_inside:
            body.pieces = self.inside(body.pieces, None, in_band(response))
        body.pieces = self._outside(body.pieces, response, ends)
        response.body, response.encode = body, None
        if response.endless is not None:  # a heartbeat would break a silence
            response.endless = response.endless._replace(interval=0)
        return response

    def inside(
        self, pieces: Faulty, resumed: Callable[[], object] | None, in_band: InBand | None
    ) -> Faulty:
        """The pieces up to where the response breaks, with what is put in before."""
        self._is_inside = True
        faults = [(n, fault) for n, fault in enumerate(self._faults) if not fault.is_end]
        # On the way the outer filter strikes first, at the end the inner one.
        last = [one for one in faults if one[1].place == END]
        for n, fault in last + [one for one in reversed(faults) if one[1].place != END]:
            place = in_band.place(fault.place) if in_band else fault.place
            random = Random(f"{self._seed} {n}")
            if fault.breaks:
                pieces = self._broken(pieces, fault, place, random)
            elif fault.name == "stall":
                pieces = filters.stall(pieces, self, place, fault.value, resumed)
            elif fault.name == "error":
                if in_band is None:
                    raise refusal(fault, "needs a stream of events or of JSON lines")
                data = in_band.of(fault.form)
                pieces = filters.error(pieces, self, place, data, in_band.border)
            else:
                size = filters.GARBAGE if fault.value is None else int(fault.value)
                pieces = filters.garbage(pieces, self, place, size, random)
        return pieces

    def _broken(self, pieces: Faulty, fault: Fault, place: Place, random: Random) -> Faulty:
        if fault.name == "truncate":
            breaking = breaks.truncating(self, place)
        elif fault.name == "rst":
            breaking = breaks.resetting(self, place)
        else:
            breaking = breaks.breaking_a_chunk(self, place, random)
        self._breaks.append((fault, breaking))
        return breaking.before(pieces)

    def _outside(self, pieces: Faulty, response: Response, ends: list[Fault]) -> Faulty:
        """All that was written, and then the break, or another end."""
        for _, breaking in sorted(self._breaks, key=lambda one: one[0].place == END):
            pieces = breaking.then(pieces)
        for fault in ends:
            if fault.name == "unfinished":
                seconds = HELD if fault.value is None else fault.value
                pieces = filters.unfinished(pieces, self, seconds)
            elif fault.name == "slow_close":
                seconds = LATE if fault.value is None else fault.value
                pieces = filters.slow_close(pieces, self, seconds)
            else:
                length = int(response.headers["content-length"])
                pieces = filters.wrong_length(pieces, self, length)
        return pieces


class _Body:
    """The pieces of a response's body, all of them bytes; to close it closes the body, begun or
    not."""

    __slots__ = ("_file", "_source", "pieces")

    def __init__(self, body: Any, encode: Callable[[Any], bytes] | None) -> None:
        self._file = body.file if isinstance(body, FileRegion) else None
        if isinstance(body, bytes):
            body = _whole(body)
        elif isinstance(body, FileRegion):
            body = _read(body)
        elif not hasattr(body, "__aiter__"):
            raise HTTPError(400, "fault: this response is no stream that it could be in")
        self._source = aiter(body)
        self.pieces = _encoded(self._source, encode or _as_bytes)

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        return await anext(self.pieces)

    async def aclose(self) -> None:
        """Close the filters, then what they are around."""
        await self.pieces.aclose()
        await close(self._source)
        if self._file is not None:
            self._file.close()


async def _whole(body: bytes) -> Faulty:
    yield body


async def _read(region: FileRegion) -> Faulty:
    region.file.seek(region.offset)
    left = region.count
    while piece := region.file.read(min(left, PIECE)):
        left -= len(piece)
        yield piece


async def _encoded(source: AsyncIterator[Any], encode: Callable[[Any], bytes]) -> Faulty:
    async for piece in source:
        yield encode(piece)


def _as_bytes(piece: bytes | str) -> bytes:
    return piece.encode() if isinstance(piece, str) else piece
