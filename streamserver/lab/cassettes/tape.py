"""One exchange on its way into a cassette.

In the call that passes a read on, the read is noted with its moment, and no more: the text is made
later, of many at once, when they have been passed on.
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
from streamserver.lab.cassettes.bodies import BodyRedactor, redactor_of
from streamserver.lab.cassettes.form import Asked, Body, End, Head, OtherEnd, line, read_line
from streamserver.lab.cassettes.redaction import (
    Mask,
    redact_fields,
    redact_target,
    secrets_of,
    spellings,
)
from streamserver.server.exchange import Exchange
from streamserver.server.phase import Outcome
from streamserver.wire.chunked import End as BodyEnd
from streamserver.wire.problem import HTTPError
from streamserver.wire.response_heads import ResponseHead

BATCH_READS = 64
BATCH_BYTES = 128 * 1024
SHORT = 64 * 1024
"""Bytes of a request's body, for its text to be kept."""

_quoted = re.compile(r"""\bb(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")""")
"""Bytes of the upstream's in what is told of them: who knows what they hold."""

SECOND = 1_000_000_000
Heard: TypeAlias = Sequence[ResponseHead | bytes | BodyEnd]
Trailers: TypeAlias = Sequence[tuple[str, str]]


class Tape:
    """Hears one exchange, of whose answer it keeps ``most`` bytes.

    ``full`` is called when much has been heard, and waits to be taken; ``waits`` when there is
    anything. Whoever is called calls ``take`` some time later.
    """

    __slots__ = (
        "_begun",
        "_body",
        "_bytes",
        "_end",
        "_exchange",
        "_full",
        "_has_head",
        "_heard",
        "_last",
        "_mask",
        "_moments",
        "_most",
        "_reads",
        "_redactor",
        "_request",
        "_waiting",
        "_waits",
        "at",
        "given_up",
        "name",
    )

    def __init__(
        self,
        request: Request,
        most: int,
        waits: "Callable[[Tape], object]",
        full: "Callable[[Tape], object]",
    ) -> None:
        exchange = request.exchange
        self.name = self.given_up = ""
        self.at = datetime.now(UTC)
        self._exchange = exchange
        self._request = (request.method, request.target, request.headers.items())
        self._body = _Body(redactor_of(request.headers.items()), exchange.body is None)
        self._redactor = redactor_of([])  # of the response's body; its head brings another
        self._most = most
        self._waits = waits
        self._full = full
        self._heard: list[tuple[int, Heard]] = []
        self._waiting = 0
        self._last = int(exchange.started * SECOND)
        self._mask = Mask()
        self._moments: deque[int] = deque()  # those of the reads that the mask holds back
        self._begun = self._has_head = False
        self._reads = self._bytes = 0
        self._end: tuple[int, str, str, Trailers] | None = None

    @property
    def is_over(self) -> bool:
        """Whether the cassette has its end, and nothing more is heard."""
        return self._end is not None

    @property
    def holds_back(self) -> bool:
        """Whether there is something left that ``take`` did not give."""
        return bool(self._heard)

    # What the relay tells

    def asked(self, part: bytes, is_last: bool) -> None:
        """A part of the request's body was sent."""
        self._body.add(part, is_last)

    def heard(self, parts: Heard) -> None:
        """One read has brought these."""
        if self._end is not None:
            return
        heard = self._heard
        heard.append((monotonic_ns(), parts))
        for part in parts:
            if type(part) is bytes:
                self._waiting += len(part)
        if len(heard) == 1:
            self._waits(self)
        if len(heard) >= BATCH_READS or self._waiting >= BATCH_BYTES:
            self._full(self)

    # What the recorder asks

    def keep_secret(self, secrets: set[bytes]) -> None:
        """These too must not be in a body."""
        self._mask.add(secrets)

    def give_up(self, end: OtherEnd, why: str) -> None:
        """Hear no more."""
        self._heard.clear()
        self.given_up = why
        self._end = (monotonic_ns(), end, why, ())

    def take(self) -> bytes:
        """The text of what was heard since it was last asked for; empty while it is not known what
        the request was."""
        over = self._exchange.outcome is not None
        if not (self._begun or self._body.is_whole or over or self._waiting > self._most):
            return b""
        lines: list[str] = []
        if not self._begun:
            self._begun = True
            lines.append(line(self._asked()))
        heard, self._heard, self._waiting = self._heard, [], 0
        pieces: list[bytes] = []
        for moment, read in heard:
            if self._end is None:
                self._listen(moment, read, lines, pieces)
        if over and self._end is None:
            self._end = (monotonic_ns(), *_end_of(self._exchange, self._has_head), ())
        moments = self._moments
        for data in self._mask.feed(pieces, self._end is not None):
            moment = moments.popleft()
            lines.append(read_line(max(moment - self._last, 0), data))
            self._last = moment
        if self._end is not None:
            lines.append(line(self._last_words(*self._end)))
        return "".join(lines).encode()

    def _listen(self, moment: int, read: Heard, lines: list[str], pieces: list[bytes]) -> None:
        data: list[bytes] = []
        for part in read:
            if type(part) is bytes:
                data.append(part)
            elif isinstance(part, ResponseHead):
                self._has_head = part.status >= 200
                self._redactor = redactor_of(part.fields)
                self._mask.add(secrets_of(part.fields))
                fields = redact_fields(part.fields)
                lines.append(line(Head(self._since(moment), part.status, fields)))
            elif isinstance(part, BodyEnd):
                self._end = (moment, "complete", "", part.trailers)
        piece = data[0] if len(data) == 1 else b"".join(data)
        if self._bytes + len(piece) > self._most:
            self.give_up("limit", f"it is longer than {self._most} bytes")
        elif piece:
            self._reads += 1
            self._bytes += len(piece)
            self._moments.append(moment)
            pieces.append(self._redactor.feed(piece))

    def _last_words(self, moment: int, end: str, detail: str, trailers: Trailers) -> End:
        told = _quoted.sub("...", detail)
        counts = self._reads, self._bytes
        return End(self._since(moment), end, *counts, told, redact_fields([*trailers]))

    def _asked(self) -> Asked:
        method, target, fields = self._request
        self._mask.add(secrets_of(fields, target) | spellings(self._body.secrets))
        at = self.at.isoformat(timespec="microseconds").replace("+00:00", "Z")
        body = self._body.kept(self._mask)
        return Asked(at, method, redact_target(target), redact_fields(fields), body)

    def _since(self, moment: int) -> int:
        last, self._last = self._last, moment
        return max(moment - last, 0)


class _Body:
    """The body of a request without its secrets, of which little is kept."""

    __slots__ = ("_hash", "_redactor", "_short", "_size", "is_whole")

    def __init__(self, redactor: BodyRedactor, is_whole: bool) -> None:
        self._redactor = redactor
        self._hash = hashlib.sha256()
        self._size = 0
        self._short: list[bytes] = []
        self.is_whole = is_whole

    @property
    def secrets(self) -> list[bytes]:
        return self._redactor.values

    def add(self, part: bytes, is_last: bool) -> None:
        part = self._redactor.feed(part)
        self._hash.update(part)
        self._size += len(part)
        if self._size <= SHORT:
            self._short.append(part)
        else:
            self._short.clear()
        self.is_whole = is_last

    def kept(self, mask: Mask) -> Body:
        text = None
        if 0 < self._size <= SHORT:
            with suppress(UnicodeDecodeError):
                text = b"".join(mask.clean(self._short)).decode()
        return Body(self._size, self._hash.hexdigest() if self.is_whole else None, text)


_OURS = {
    Outcome.CLIENT_GONE: "client_gone",
    Outcome.STALLED: "stalled",
    Outcome.EXPIRED: "expired",
    Outcome.DRAINED: "drained",
}


def _end_of(exchange: Exchange, has_head: bool) -> tuple[str, str]:
    """How an answer ended of which the upstream did not say that it is whole, and why."""
    ours, error = _OURS.get(exchange.outcome or Outcome.COMPLETE), exchange.error
    if ours is not None:
        return ours, ""
    if not isinstance(error, HTTPError) or error.status < 500:
        return "refused", getattr(error, "detail", "") or type(error).__name__
    if isinstance(error.__cause__, ConnectionResetError):
        return "reset", error.detail
    if error.status == 504:
        return "late", error.detail
    return "truncated" if has_head else "unanswered", error.detail
