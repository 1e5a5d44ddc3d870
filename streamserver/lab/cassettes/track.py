"""A track: one exchange while it is recorded.

The call that relays a read only adds it to the track, with its time. Redaction and encoding happen
later, for many reads together.
"""

import hashlib
import re
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from time import monotonic_ns
from typing import TypeAlias

from streamserver.kit.request import Request
from streamserver.lab.cassettes import cassette, redaction
from streamserver.lab.cassettes.cassette import EndEntry, HeadEntry, RequestBody, RequestEntry
from streamserver.lab.cassettes.redaction import Mask, redact_fields
from streamserver.lab.cassettes.scanners import BodyRedactor
from streamserver.server.exchange import Exchange
from streamserver.wire.chunked import End
from streamserver.wire.heads import Fields
from streamserver.wire.problem import HTTPError
from streamserver.wire.response_heads import ResponseHead

BATCH_READS = 64
BATCH_BYTES = 128 * 1024
MAX_TEXT = 64 * 1024
"""Bytes of a request's body whose text is recorded."""
SECOND = 1_000_000_000

_quoted_bytes = re.compile(r"""\bb(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")""")
"""Bytes of the upstream in the text of an error: they may be secret."""

Parts: TypeAlias = Sequence[ResponseHead | bytes | End]
_Request: TypeAlias = tuple[str, str, Fields]


class Track:
    """Records one exchange, of whose response body it keeps ``max_bytes``.

    ``secrets`` are overwritten in both bodies. ``on_pending(track, is_batch)`` is called when reads
    are pending, and when a batch of them is; the callee calls ``take`` later.
    """

    __slots__ = (
        *("name", "started_at", "stopped_because", "_max_bytes", "_on_pending"),
        *("_exchange", "_request", "_request_body", "_redactor", "_mask"),
        *("_pending", "_pending_bytes", "_held_times", "_last_time"),
        *("_has_head", "_reads", "_bytes", "_end"),
    )

    def __init__(
        self,
        request: Request,
        max_bytes: int,
        secrets: set[bytes],
        on_pending: "Callable[[Track, bool], object]",
    ) -> None:
        exchange, fields = request.exchange, request.headers.items()
        self.name = self.stopped_because = ""
        self.started_at = datetime.now(UTC)
        self._max_bytes = max_bytes
        self._on_pending = on_pending
        self._exchange = exchange
        # None once its entry is encoded.
        self._request: _Request | None = (request.method, request.target, fields)
        self._request_body = _RequestBody(redaction.redactor_of(fields), exchange.body is None)
        self._redactor = redaction.redactor_of([])  # the head of the response replaces it
        self._mask = Mask(secrets)
        self._pending: list[tuple[int, Parts]] = []
        self._pending_bytes = 0
        self._held_times: deque[int] = deque()  # of the reads that the mask holds back
        self._last_time = int(exchange.started * SECOND)
        self._has_head = False
        self._reads = self._bytes = 0
        self._end: tuple[int, str, str, Fields] | None = None

    @property
    def is_over(self) -> bool:
        """Whether the cassette has its end."""
        return self._end is not None

    @property
    def is_pending(self) -> bool:
        """Whether there are reads that ``take`` has not returned."""
        return bool(self._pending)

    # Called by the relay

    def on_request_body(self, part: bytes, is_last: bool) -> None:
        """Add a part of the request's body."""
        self._request_body.add(part, is_last)

    def on_response(self, parts: Parts) -> None:
        """Add what one read from the upstream contained."""
        if self._end is not None:
            return
        pending = self._pending
        pending.append((monotonic_ns(), parts))
        for part in parts:
            if type(part) is bytes:
                self._pending_bytes += len(part)
        if len(pending) == 1:
            self._on_pending(self, False)
        if len(pending) >= BATCH_READS or self._pending_bytes >= BATCH_BYTES:
            self._on_pending(self, True)

    # Called by the recorder

    def stop(self, end: cassette.PartialEnd, why: str) -> None:
        """End the cassette before the exchange ends."""
        self._pending.clear()
        self.stopped_because = why
        self._end = (monotonic_ns(), end, why, [])

    def drain(self) -> bytes:
        """The entries since the last call, encoded; none until the request is complete, except if
        it never will be or too much is pending."""
        lines: list[str] = []
        is_over = self._exchange.outcome is not None
        if self._request is not None:
            is_complete = self._request_body.is_complete
            if not (is_complete or is_over or self._pending_bytes > self._max_bytes):
                return b""
            lines.append(cassette.encode(self._request_entry(*self._request)))
            self._request = None
        pending, self._pending, self._pending_bytes = self._pending, [], 0
        pieces: list[bytes] = []
        for time, parts in pending:
            if self._end is None:
                self._add(time, parts, lines, pieces)
        if is_over and self._end is None:
            self._end = (monotonic_ns(), *_end_of(self._exchange, self._has_head), [])
        for piece in self._mask.feed(pieces, self._end is not None):
            lines.append(cassette.encode_read(self._since_last(self._held_times.popleft()), piece))
        if self._end is not None:
            lines.append(cassette.encode(self._end_entry(*self._end)))
        return "".join(lines).encode()

    def _add(self, time: int, parts: Parts, lines: list[str], pieces: list[bytes]) -> None:
        """Add the entries of heads to the lines, and the part of the body to the pieces."""
        data: list[bytes] = []
        for part in parts:
            if type(part) is bytes:
                data.append(part)
            elif isinstance(part, ResponseHead):
                self._has_head = part.status >= 200
                self._redactor = redaction.redactor_of(part.fields)
                self._mask.add(redaction.secret_values(part.fields))
                fields = redact_fields(part.fields)
                lines.append(
                    cassette.encode(HeadEntry(self._since_last(time), part.status, fields))
                )
            elif isinstance(part, End):
                self._end = (time, "complete", "", [*part.trailers])
        piece = data[0] if len(data) == 1 else b"".join(data)
        if self._bytes + len(piece) > self._max_bytes:
            self.stop("limit", f"the response body is longer than {self._max_bytes} bytes")
        elif piece:
            self._reads += 1
            self._bytes += len(piece)
            self._held_times.append(time)
            pieces.append(self._redactor.feed(piece))

    def _request_entry(self, method: str, target: str, fields: Fields) -> RequestEntry:
        self._mask.add(redaction.secret_values(fields, target, self._request_body.secrets))
        at = self.started_at.isoformat(timespec="microseconds").replace("+00:00", "Z")
        redacted = redaction.redact_target(target), redact_fields(fields)
        return RequestEntry(at, method, *redacted, self._request_body.masked(self._mask))

    def _end_entry(self, time: int, end: str, detail: str, trailers: Fields) -> EndEntry:
        counts = self._reads, self._bytes
        detail = _quoted_bytes.sub("...", detail)
        return EndEntry(self._since_last(time), end, *counts, detail, redact_fields(trailers))

    def _since_last(self, time: int) -> int:
        last, self._last_time = self._last_time, time
        return max(time - last, 0)


class _RequestBody:
    """The redacted body of a request, of which a hash and a short text are kept."""

    __slots__ = ("_hash", "_pieces", "_redactor", "_size", "is_complete")

    def __init__(self, redactor: BodyRedactor, is_complete: bool) -> None:
        self._redactor = redactor
        self._hash = hashlib.sha256()
        self._size = 0
        self._pieces: list[bytes] = []
        self.is_complete = is_complete

    @property
    def secrets(self) -> list[bytes]:
        return self._redactor.values

    def add(self, part: bytes, is_last: bool) -> None:
        part = self._redactor.feed(part)
        self._hash.update(part)
        self._size += len(part)
        if self._size <= MAX_TEXT:
            self._pieces.append(part)
        else:
            self._pieces.clear()
        self.is_complete = is_last

    def masked(self, mask: Mask) -> RequestBody:
        text = None
        if 0 < self._size <= MAX_TEXT:
            with suppress(UnicodeDecodeError):
                text = b"".join(mask.apply(self._pieces)).decode()
        return RequestBody(self._size, self._hash.hexdigest() if self.is_complete else None, text)


def _end_of(exchange: Exchange, has_head: bool) -> tuple[str, str]:
    """How a response ended that is not complete, and why."""
    outcome, error = str(exchange.outcome), exchange.error
    if outcome in cassette.PARTIAL_ENDS:
        return outcome, ""
    if not isinstance(error, HTTPError) or error.status < 500:
        return "refused", getattr(error, "detail", "") or type(error).__name__
    if isinstance(error.__cause__, ConnectionResetError):
        return "reset", error.detail
    if error.status == 504:
        return "late", error.detail
    return "truncated" if has_head else "unanswered", error.detail
