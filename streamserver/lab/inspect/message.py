"""The meaning of a recording: head, framing, pieces, decoded pieces and events, each with its time.

Any bytes give a ``Message``. If they cannot be read to their end, ``problem`` states the reason.
The size of a message is bounded.
"""

from collections.abc import Sequence

from streamserver.lab.client.events import LineReader
from streamserver.lab.client.request import LINE_TYPES
from streamserver.lab.client.response import content_coding, content_type
from streamserver.lab.inspect.codings import Codings
from streamserver.lab.inspect.parts import PartReader
from streamserver.lab.inspect.recording import Message, Piece, Read, Recording, TimedEvent
from streamserver.wire.fields import media_type, split_list
from streamserver.wire.response_heads import ResponseHead
from streamserver.wire.sse import MEDIA_TYPE, Event, Parser

MAX_ITEMS = 200_000
"""Pieces and events of a message."""
_SLICE = 64 * 1024


def read_message(recording: Recording) -> Message:
    """The meaning of a recording; never raises."""
    reader = MessageReader(recording.method)
    for read in recording.reads:
        reader.feed(read)
    return reader.message(recording)


class MessageReader:
    """Interprets a response while it arrives."""

    def __init__(self, method: str) -> None:
        """``method``: that of the request."""
        self.parts = PartReader(method)
        self.events: list[TimedEvent] = []
        """Those that are complete."""
        self.head_at = 0.0
        self._pieces: list[Piece] = []
        self._decoded: list[Piece] = []
        self._codings: Codings | None = None
        self._lines: TimedEvents | TimedLines | None = None
        self._undecoded = ""
        self._problem = ""
        self._is_full = False

    @property
    def problem(self) -> str:
        """Why the bytes could not be read further; "" if they could."""
        return self.parts.problem or self._problem

    def feed(self, read: Read) -> None:
        """Process a read; never raises. Reads beyond the limits are ignored."""
        if self._is_full:
            return
        had_head = self.parts.head is not None
        for part in self.parts.feed(read.data, read.at):
            if not had_head and self.parts.head is not None:
                had_head = True
                self._begin(self.parts.head, read.at)
            if part.kind == "data" and not self._problem:
                self._add(Piece(read.at, part.data))
                if self._is_full:
                    break

    def message(self, recording: Recording) -> Message:
        """The message of a recording whose reads have all been fed."""
        parts, head = self.parts, self.parts.head
        if self._lines is not None and not self.problem:
            self.events += self._lines.end(recording.ended)
        return Message(
            recording,
            version=f"HTTP/1.{head.minor}" if head else "",
            status=head.status if head else 0,
            fields=head.fields if head else [],
            head_at=self.head_at,
            framing=parts.framing,
            pieces=self._pieces,
            decoded=self._decoded,
            events=self.events,
            comments=self._lines.comments if self._lines else (),
            retry=self._lines.retry if self._lines else None,
            is_complete=parts.is_complete or recording.end == "complete",
            trailers=parts.trailers,
            undecoded=self._undecoded,
            problem=self.problem,
        )

    def _begin(self, head: ResponseHead, at: float) -> None:
        self.head_at = at
        codings = split_list(content_coding(head))
        try:
            self._codings = Codings(codings)
        except LookupError as error:
            self._undecoded = str(error)
            return
        if not codings:
            self._decoded = self._pieces
        kind = media_type(content_type(head))
        if kind == MEDIA_TYPE:
            self._lines = TimedEvents()
        elif kind in LINE_TYPES:
            self._lines = TimedLines()

    def _add(self, piece: Piece) -> None:
        self._pieces.append(piece)
        if self._codings is None:
            return
        try:
            decoded = self._codings.decode(piece.data)
            if decoded and self._decoded is not self._pieces:
                self._decoded.append(Piece(piece.at, decoded))
            self._find_events(decoded, piece.at)
        except ValueError as error:
            self._problem = str(error)

    def _find_events(self, decoded: bytes, at: float) -> None:
        """Read events in slices, since few bytes can decode to millions of them; ValueError."""
        comments: Sequence[float] = ()
        for start in range(0, len(decoded), _SLICE):
            if self._lines is not None:
                self.events += self._lines.read(decoded[start : start + _SLICE], at)
                comments = self._lines.comments
            if len(self._pieces) + len(self.events) + len(comments) > MAX_ITEMS:
                self._is_full = True
                raise ValueError(f"it has more than {MAX_ITEMS} chunks, reads, events and comments")


class TimedEvents(Parser):
    """Reads an event stream, with the time of each event and comment."""

    def __init__(self) -> None:
        super().__init__()
        self.comments: list[float] = []
        """The times of the comments."""
        self._at = 0.0
        self._timed: list[TimedEvent] = []
        self._retry: int | None = None  # of the unfinished event

    def read(self, data: bytes, at: float) -> list[TimedEvent]:
        """The events that ``data`` completes; ValueError for one that is too long."""
        self._at = at
        self.feed(data)
        timed, self._timed = self._timed, []
        return timed

    def end(self, at: float) -> list[TimedEvent]:
        """No event: one without a blank line after it is discarded (WHATWG HTML, section 9.2.6)."""
        return []

    def _on_field(self, name: bytes, value: bytes) -> None:
        if not name:
            self.comments.append(self._at)
            return
        before, self.retry = self.retry, None
        super()._on_field(name, value)
        if self.retry is None:
            self.retry = before
        else:
            self._retry = self.retry

    def _on_event_end(self) -> None:
        super()._on_event_end()
        for event in self._events:
            self._timed.append(TimedEvent(self._at, event._replace(retry=self._retry)))
        self._events.clear()
        self._retry = None


class TimedLines:
    """Reads JSON lines, with the time of each."""

    retry = None
    comments: Sequence[float] = ()

    def __init__(self) -> None:
        self._reader = LineReader()

    def read(self, data: bytes, at: float) -> list[TimedEvent]:
        """The lines that ``data`` completes; ValueError for one that is too long."""
        return [TimedEvent(at, Event(line)) for line in self._reader.feed(data)]

    def end(self, at: float) -> list[TimedEvent]:
        """The last line, if the body ended without a line end."""
        return [TimedEvent(at, Event(line)) for line in self._reader.end()]
