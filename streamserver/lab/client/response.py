"""From the bytes of one response to the milestones and the end in its record.

Every milestone has the time of the read that completed it, taken before anything was parsed: events
with one time arrived in one read, and the client's own work delays none.
"""

import re
from collections.abc import Sequence
from hashlib import sha256

from streamserver.lab.client.answer_text import AnswerText
from streamserver.lab.client.events import EventObserver, Events, events_of
from streamserver.lab.client.excerpt import KEPT
from streamserver.lab.client.record import End, Record
from streamserver.lab.client.request import EVENT_TYPES, Expectation
from streamserver.lab.stamps import without_times
from streamserver.wire.chunked import End as BodyEnd
from streamserver.wire.fields import content_codings, media_type
from streamserver.wire.problem import HTTPError
from streamserver.wire.response_heads import BROKEN, ResponseHead
from streamserver.wire.responses import ResponseReader

MAX_HEAD = 64 * 1024
SHOWN = 200
"""Characters of a field's value that a detail repeats."""
ALT_SSE = "Gemini streams events if the URL ends with :streamGenerateContent?alt=sse"
_EMPTY = (204, 205, 304)
_DOCUMENTS = ("application/json", "text/html", "application/xhtml+xml", "text/xml", "")
_userinfo = re.compile("//[^/]*@")


class ResponseRecorder:
    """Reads the response to one request and fills its record."""

    __slots__ = (
        *(
            "_answer",
            "_events",
            "_expectation",
            "_hash",
            "_head",
            "_reader",
            "_verdict",
            "_observer",
        ),
        *("error_body", "keep_alive", "record"),
    )

    def __init__(
        self,
        method: str,
        record: Record,
        observer: EventObserver | None = None,
        *,
        expectation: Expectation = "anything",
        digest: bool = False,
        answer: AnswerText | None = None,
    ) -> None:
        """``digest``: whether to compute the record's; ``answer`` gets the text of a model's."""
        self.record = record
        self.keep_alive = False
        """Whether the response is complete and the connection accepts another request."""
        self.error_body: bytearray | None = None
        """The first ``KEPT`` bytes of the body, if the head rules out success and the body has no
        content coding."""
        self._observer = observer
        self._expectation = expectation
        self._reader = ResponseReader(method, MAX_HEAD)
        self._head: ResponseHead | None = None  # the final one
        self._verdict: tuple[End, str] | None = None  # of the head, if it rules out success
        self._events: Events | None = None
        self._hash = sha256() if digest else None
        self._answer = answer

    def feed(self, data: bytes, now: int) -> bool:
        """Process a read that arrived at ``now``; whether the response has ended."""
        record = self.record
        record.reads += 1
        try:
            parts = self._reader.feed(data)
            if not record.head:
                self._find_head(parts, now)
            if len(parts) == 1 and isinstance(piece := parts[0], bytes):
                end = None
            else:
                end = parts[-1] if parts and isinstance(parts[-1], BodyEnd) else None
                # All of it arrived at one time, so it is parsed as one piece.
                piece = b"".join([part for part in parts if isinstance(part, bytes)])
            if piece:
                self._feed_body(piece, now)
        except (HTTPError, ValueError) as error:
            record.end, record.detail = "malformed", _problem(error)
            return True
        # After an error it is 0.
        record.chunks = self._reader.chunks
        if end is not None:
            self._finish(end, now)
        return end is not None

    def feed_eof(self, now: int) -> None:
        """The server closed the connection."""
        try:
            [end] = self._reader.eof()
        except HTTPError as error:
            self.cut("truncated", _problem(error))
        else:
            self._finish(end, now)

    def cut(self, end: End, detail: str) -> None:
        """The connection ended before the response did."""
        record = self.record
        record.end, record.detail = end if record.reads else "unanswered", detail
        # Servers often cut the stream after an error that they report in band.
        verdict = self._events.verdict() if self._events is not None else None
        if verdict is not None and verdict[0] == "failed":
            record.end, record.detail = "failed", f"{verdict[1]}; then it was {end}: {detail}"

    def _find_head(self, parts: Sequence[ResponseHead | bytes | BodyEnd], now: int) -> None:
        record = self.record
        for head in parts:
            if isinstance(head, ResponseHead) and head.status >= 200:
                record.head, record.status = now, head.status
                record.server = dict(head.fields).get("server", "")[:SHOWN]
                self._head, self._verdict = head, head_verdict(head, self._expectation)
                if not content_coding(head):
                    self._events = events_of(content_type(head), record, self._observer)
                    self.error_body = bytearray() if self._verdict else None
                if self._events is not None and self._hash is not None:
                    self._events.on_data = self._add_to_digest
                elif self._events is not None and self._answer is not None:
                    self._events.on_data = self._answer.add

    def _feed_body(self, piece: bytes, now: int) -> None:
        record = self.record
        if not record.first_byte:
            record.first_byte = now
        record.size += len(piece)
        if self.error_body is not None and len(self.error_body) < KEPT:
            self.error_body += piece[: KEPT - len(self.error_body)]
        if self._events is not None:
            self._events.feed(piece, now)
        elif self._hash is not None:
            self._hash.update(piece)

    def _add_to_digest(self, data: str) -> None:
        """Comments and the times of stamps are not compared."""
        assert self._hash is not None
        self._hash.update(f"{without_times(data)}\n".encode())

    def _finish(self, end: BodyEnd, now: int) -> None:
        """The body is complete by its framing; its events decide whether it is by its content."""
        record = self.record
        record.last_byte = now
        if self._events is not None:
            self._events.end(now)
        if self._hash is not None:
            record.digest = self._hash.hexdigest()
        record.end, record.detail = self._verdict or self._events_verdict() or ("complete", "")
        if record.end == "no_stream" and self.error_body and _is_array(self.error_body):
            record.detail += f": {ALT_SSE}"
        self.keep_alive = self._head is not None and self._head.keep_alive and not end.rest

    def _events_verdict(self) -> tuple[End, str] | None:
        verdict = self._events.verdict() if self._events is not None else None
        if verdict is None and self._expectation == "answer" and not self.record.has_answer:
            return "no_token", "the answer has neither token nor tool call"
        return verdict


def _problem(error: HTTPError | ValueError) -> str:
    """What is wrong with the response, which for a client is not that of an upstream."""
    return error.detail.removeprefix(BROKEN) if isinstance(error, HTTPError) else str(error)


def _is_array(start: bytes | bytearray) -> bool:
    """Whether a document begins as the array that Gemini streams by default."""
    return start.lstrip().startswith(b"[") and b'"candidates"' in start


def head_verdict(head: ResponseHead, expectation: Expectation) -> tuple[End, str] | None:
    """The end of the exchange and its reason, if the head rules out success.

    The body is read in any case.
    """
    if head.status >= 400:
        return "refused", ""
    if head.status >= 300 and head.status != 304:
        location = _location(head)[:SHOWN] or "it has no Location"
        return "redirected", f"status {head.status}, and redirects are not followed: {location}"
    kind = media_type(content_type(head))
    if expectation != "anything":
        if head.status in _EMPTY:
            return "no_stream", f"status {head.status}, where a stream was requested"
        if not is_stream(kind, expectation):
            found = kind[:SHOWN] or "no Content-Type"
            return "no_stream", f"status {head.status} with {found}, where a stream was requested"
    coding = content_coding(head)
    if coding and head.length and kind in EVENT_TYPES:
        what = f"its events are encoded as {coding[:SHOWN]}, which is not decoded"
        return "encoded", f"{what}: request it with Accept-Encoding: identity"
    return None


def is_stream(kind: str, expectation: Expectation) -> bool:
    """Whether a media type is one of the streams that were requested."""
    if expectation == "stream":
        return not (kind in _DOCUMENTS or kind.endswith("+json"))
    return kind in EVENT_TYPES


def content_type(head: ResponseHead) -> str:
    """The value of Content-Type, of the last line if there are several; "" without one."""
    return dict(head.fields).get("content-type", "")


def content_coding(head: ResponseHead) -> str:
    """The content codings of a body, without those that do not change it."""
    values = [value for name, value in head.fields if name == "content-encoding"]
    return ", ".join(content_codings(", ".join(values)))


def _location(head: ResponseHead) -> str:
    """The target of a redirect, without user and query, which may hold secrets."""
    location = dict(head.fields).get("location", "")
    return _userinfo.sub("//", re.split("[?#]", location, maxsplit=1)[0])
