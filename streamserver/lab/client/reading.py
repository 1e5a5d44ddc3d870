"""From the bytes of one response to the milestones of its record.

Every moment is that of the read that brought it, stamped before anything was parsed: what two
events have in common is then the network's doing, not ours.
"""

from collections.abc import Sequence
from hashlib import sha256

from streamserver.lab.client.events import Events, Watch, events_of
from streamserver.lab.client.heads import coding_of, content_type_of, verdict_of
from streamserver.lab.client.record import End as Ended
from streamserver.lab.client.record import Record
from streamserver.lab.client.shown import KEPT
from streamserver.lab.client.wanted import Wanted
from streamserver.wire.chunked import End
from streamserver.wire.problem import HTTPError
from streamserver.wire.response_heads import ResponseHead
from streamserver.wire.responses import ResponseReader

MAX_HEAD = 64 * 1024


class Reading:
    """Reads the response to one request; ``record`` is filled as it comes."""

    __slots__ = (
        *("_events", "_hash", "_head", "_reader", "_verdict", "_wanted", "_watch"),
        *("error_body", "keep_alive", "record"),
    )

    def __init__(
        self,
        method: str,
        record: Record,
        watch: Watch | None = None,
        *,
        wanted: Wanted = "anything",
        digest: bool = False,
    ) -> None:
        """``wanted``: what the request asks for. ``digest``: whether the record gets one."""
        self.record = record
        self.keep_alive = False
        """Whether the response is whole and the connection takes another request."""
        self.error_body: bytearray | None = None
        """The first ``KEPT`` bytes of the body, where the head leaves no success and no content
        coding hides the text."""
        self._watch = watch
        self._wanted = wanted
        self._reader = ResponseReader(method, MAX_HEAD)
        self._head: ResponseHead | None = None  # the final one
        self._verdict: tuple[Ended, str] | None = None  # of the head, if it leaves no success
        self._events: Events | None = None
        self._hash = sha256() if digest else None

    def feed(self, data: bytes, moment: int) -> bool:
        """What was read at a moment; whether the response is over with it."""
        record = self.record
        record.reads += 1
        try:
            parts = self._reader.feed(data)
            if not record.head:
                self._heads(parts, moment)
            if len(parts) == 1 and isinstance(piece := parts[0], bytes):
                end = None
            else:
                end = parts[-1] if parts and isinstance(parts[-1], End) else None
                # All of it came at one moment, so that it may be looked at as one piece.
                piece = b"".join([part for part in parts if isinstance(part, bytes)])
            if piece:
                self._body(piece, moment)
        except (HTTPError, ValueError) as error:
            record.end, record.detail = "malformed", str(error)
            return True
        # After an error it is 0.
        record.chunks = self._reader.chunks
        if end is not None:
            self._finish(end, moment)
        return end is not None

    def eof(self, moment: int) -> None:
        """The connection was closed: how the response ended."""
        try:
            [end] = self._reader.eof()
        except HTTPError as error:
            self.lost("truncated", error.detail)
        else:
            self._finish(end, moment)

    def lost(self, end: Ended, detail: str) -> None:
        """The connection ended before the response did."""
        record = self.record
        record.end, record.detail = end if record.reads else "unanswered", detail
        # A server that reports a failure in band often cuts the stream behind it.
        failed = self._events.verdict() if self._events is not None else None
        if failed is not None and failed[0] == "failed":
            record.end, record.detail = "failed", f"{failed[1]}; then it was {end}: {detail}"

    def _heads(self, parts: Sequence[ResponseHead | bytes | End], moment: int) -> None:
        for part in parts:
            if isinstance(part, ResponseHead) and part.status >= 200:
                self._begin(part, moment)

    def _begin(self, head: ResponseHead, moment: int) -> None:
        record = self.record
        record.head, record.status = moment, head.status
        self._head, self._verdict = head, verdict_of(head, self._wanted)
        if not coding_of(head):
            self._events = events_of(content_type_of(head), record, self._watch)
            self.error_body = bytearray() if self._verdict else None
        if self._events is not None:
            # The events then are what is compared: comments and times are no part of a content.
            self._events.hash = self._hash

    def _body(self, piece: bytes, moment: int) -> None:
        record = self.record
        if not record.first_byte:
            record.first_byte = moment
        record.size += len(piece)
        if self.error_body is not None and len(self.error_body) < KEPT:
            self.error_body += piece[: KEPT - len(self.error_body)]
        if self._events is not None:
            self._events.feed(piece, moment)
        elif self._hash is not None:
            self._hash.update(piece)

    def _finish(self, end: End, moment: int) -> None:
        """The body ended as its framing has it; whether as a stream of its kind has to, too."""
        record = self.record
        record.last_byte = moment
        if self._events is not None:
            self._events.end(moment)
        if self._hash is not None:
            record.digest = self._hash.hexdigest()
        record.end, record.detail = self._verdict or self._verdict_of_events() or ("complete", "")
        self.keep_alive = self._head is not None and self._head.keep_alive and not end.rest

    def _verdict_of_events(self) -> tuple[Ended, str] | None:
        verdict = self._events.verdict() if self._events is not None else None
        if verdict is None and self._wanted == "answer" and not self.record.has_answer:
            return "no_token", "the answer has neither token nor tool call"
        return verdict
