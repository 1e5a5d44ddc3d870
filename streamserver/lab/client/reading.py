"""From the bytes of one response to the milestones of its record.

Every moment is that of the read that brought it, stamped before anything was parsed: what two
events have in common is then the network's doing, not ours.
"""

from streamserver.lab.client.record import Record
from streamserver.lab.client.tokens import has_token
from streamserver.lab.stamps import read_stamp
from streamserver.wire.chunked import End
from streamserver.wire.problem import HTTPError
from streamserver.wire.response_heads import ResponseHead
from streamserver.wire.responses import ResponseReader
from streamserver.wire.sse import Parser

MAX_HEAD = 64 * 1024


class Reading:
    """Reads the response to one request; ``record`` is filled as it comes."""

    __slots__ = ("_events", "_reader", "keep_alive", "record")

    def __init__(self, method: str, record: Record) -> None:
        self.record = record
        self.keep_alive = False
        self._reader = ResponseReader(method, MAX_HEAD)
        self._events: Parser | None = None

    def feed(self, data: bytes, moment: int) -> bool:
        """What was read at a moment; whether the response is whole with it."""
        record = self.record
        record.reads += 1
        try:
            for part in self._reader.feed(data):
                if isinstance(part, bytes):
                    self._take(part, moment)
                elif isinstance(part, ResponseHead):
                    self._begin(part, moment)
                else:
                    return self._finish(part, moment)
        except (HTTPError, ValueError) as error:
            record.end, record.detail = "malformed", str(error)
            return True
        return False

    def eof(self, moment: int) -> None:
        """The connection has ended."""
        try:
            for part in self._reader.eof():
                self._finish(part, moment)
        except HTTPError as error:
            self.record.end, self.record.detail = "truncated", error.detail

    def _begin(self, head: ResponseHead, moment: int) -> None:
        if head.status < 200:
            return
        self.record.head, self.record.status = moment, head.status
        self.keep_alive = head.keep_alive
        kind = dict(head.fields).get("content-type", "")
        if kind.partition(";")[0].strip().lower() == "text/event-stream":
            self._events = Parser()

    def _take(self, piece: bytes, moment: int) -> None:
        record = self.record
        if not record.first_byte:
            record.first_byte = moment
        record.size += len(piece)
        if self._events is not None:
            for event in self._events.feed(piece):
                self._take_event(event.data, moment)

    def _take_event(self, data: str, moment: int) -> None:
        record = self.record
        if not record.events:
            record.first_event = moment
        else:
            record.longest_gap = max(record.longest_gap, moment - record.arrivals[-1])
        record.events += 1
        record.arrivals.append(moment)
        if not record.first_token and has_token(data):
            record.first_token = moment
        stamp = read_stamp(data)
        if stamp is not None:
            record.stamps.append(stamp)

    def _finish(self, end: End, moment: int) -> bool:
        record = self.record
        record.last_byte = moment
        record.chunks = self._reader.chunks
        record.end = "complete" if record.status < 400 else "refused"
        self.keep_alive = self.keep_alive and not end.rest
        return True
