"""Recordings: what was written to the sockets of the exchanges with one token.

All of it is bounded: the recordings, the exchanges and writes of each, their bytes, and the time.
A recording that is dropped is emptied and stops recording, since its exchanges may still be open.
"""

from base64 import b64encode
from dataclasses import asdict, dataclass, field
from time import monotonic, time
from typing import Any

from streamserver.server.exchange import Exchange

RECORDINGS = 64
WRITES = 500
BYTES = 256 * 1024
EXCHANGES = 20
"""Exchanges of a token: as many times as its EventSource reconnects."""
SECONDS = 600.0
"""How long a recording is kept after its last write."""


@dataclass(slots=True)
class Write:
    """One write to a socket: milliseconds since the request, its size, and as much of its bytes in
    base64 as the bounds allow."""

    ms: float
    size: int
    bytes: str


@dataclass(slots=True)
class RecordedExchange:
    """One exchange. ``at``: when it began, in seconds since 1970, a clock that all workers share.

    ``body``: bytes of the body, those that ``sendfile`` sent without a write included. ``unkept``:
    writes that were not recorded, or not whole.
    """

    request: str
    at: float
    outcome: str | None = None
    body: int = 0
    unkept: int = 0
    writes: list[Write] = field(default_factory=list)


class Recording:
    """The exchanges of one token. ``last``: when something was written last, or one began."""

    def __init__(self) -> None:
        self._writes_left = WRITES
        self._bytes_left = BYTES
        self.exchanges: list[RecordedExchange] = []
        self.last = monotonic()

    def add(self, exchange: Exchange) -> None:
        """Record an exchange that begins, within the bounds."""
        self.last = monotonic()
        if len(self.exchanges) >= EXCHANGES:
            return
        recorded = RecordedExchange(f"{exchange.method} {exchange.target}", time())

        def end() -> None:
            recorded.outcome, recorded.body = str(exchange.outcome), exchange.bytes_sent

        self.exchanges.append(recorded)
        exchange.tap(lambda data: self._write(recorded, exchange.started, data))
        exchange.on_end.append(end)

    def _write(self, exchange: RecordedExchange, started: float, data: bytes) -> None:
        self.last = monotonic()
        if not self._writes_left:
            exchange.unkept += 1
            return
        kept = data[: self._bytes_left]
        self._writes_left -= 1
        self._bytes_left -= len(kept)
        exchange.unkept += len(kept) < len(data)
        ms = round((self.last - started) * 1000, 2)
        exchange.writes.append(Write(ms, len(data), b64encode(kept).decode()))

    def clear(self) -> None:
        """Drop what was recorded, and record nothing more."""
        self._writes_left = 0
        for exchange in self.exchanges:
            exchange.writes.clear()
        self.exchanges.clear()


class Recordings:
    """The recordings of this process, by token."""

    def __init__(self) -> None:
        self._by_token: dict[str, Recording] = {}

    def __contains__(self, token: str) -> bool:
        return token in self._by_token

    def record(self, token: str, exchange: Exchange) -> None:
        """Record an exchange that begins."""
        recording = self._by_token.pop(token, None) or Recording()
        self._by_token[token] = recording  # the order is that of use
        recording.add(exchange)
        self._expire()

    def as_json(self, token: str) -> list[dict[str, Any]]:
        """The exchanges of a token, as values for JSON."""
        self._expire()
        recording = self._by_token.get(token)
        return [] if recording is None else [asdict(each) for each in recording.exchanges]

    def _expire(self) -> None:
        now = monotonic()
        old = [token for token, each in self._by_token.items() if now - each.last > SECONDS]
        for token in {*old, *list(self._by_token)[:-RECORDINGS]}:
            self._by_token.pop(token).clear()
