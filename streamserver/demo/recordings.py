"""Recordings of what was written to sockets, by the token that a request brought for its own.

All of it is bounded: how many there are, the exchanges and the writes of each, the bytes that are
kept of them, and the time. One that has to go is emptied there and then, and keeps nothing more:
exchanges that are still open would else go on recording for nobody.
"""

import base64
from dataclasses import dataclass, field
from time import monotonic, time
from typing import Any

from streamserver.server.exchange import Exchange

RECORDINGS = 64
WRITES = 500
BYTES = 256 * 1024
SECONDS = 600.0
"""How long a recording is kept once nothing more is written."""
EXCHANGES = 20
"""As often as an EventSource may come back with the same token."""


@dataclass(slots=True)
class Write:
    """What went to the socket at once, as much of it as is kept."""

    ms: float
    """Since the request."""
    size: int
    kept: bytes

    def told(self) -> dict[str, Any]:
        """As JSON has it."""
        return {"ms": self.ms, "size": self.size, "bytes": base64.b64encode(self.kept).decode()}


@dataclass(slots=True)
class Recorded:
    """One exchange: what was asked, each write, and what came of it."""

    request: str
    started: float
    at: float
    """When it began, by a clock that all workers share."""
    writes: list[Write] = field(default_factory=list)
    outcome: str | None = None
    body: int = 0
    """Bytes of the body, those included that went from a file to the socket past us."""
    unkept: int = 0
    """Writes that were not kept, or not whole."""

    def told(self) -> dict[str, Any]:
        """As JSON has it."""
        names = ("request", "at", "outcome", "body", "unkept")
        told = {name: getattr(self, name) for name in names}
        return {**told, "writes": [write.told() for write in self.writes]}


class Recording:
    """The exchanges of one token."""

    __slots__ = ("_bytes_left", "_writes_left", "exchanges", "last")

    def __init__(self) -> None:
        self._writes_left = WRITES
        self._bytes_left = BYTES
        self.exchanges: list[Recorded] = []
        self.last = monotonic()
        """When something was written last, or an exchange began."""

    def add(self, exchange: Exchange) -> None:
        """Record an exchange that begins, unless there are enough of them."""
        self.last = monotonic()
        if len(self.exchanges) >= EXCHANGES:
            return
        one = Recorded(f"{exchange.method} {exchange.target}", exchange.started, time())

        def end() -> None:
            one.outcome, one.body = str(exchange.outcome), exchange.bytes_sent

        self.exchanges.append(one)
        exchange.tap(lambda data: self._keep(one, data))
        exchange.on_end.append(end)

    def _keep(self, one: Recorded, data: bytes) -> None:
        self.last = monotonic()
        if not self._writes_left:
            one.unkept += 1
            return
        kept = data[: self._bytes_left]
        self._writes_left -= 1
        self._bytes_left -= len(kept)
        one.unkept += len(kept) < len(data)
        one.writes.append(Write(round((self.last - one.started) * 1000, 2), len(data), kept))

    def forget(self) -> None:
        """Keep nothing of it, and nothing more."""
        self._writes_left = 0
        for one in self.exchanges:
            one.writes.clear()
        self.exchanges.clear()


class Recordings:
    """The recordings of this process."""

    __slots__ = ("_by_token",)

    def __init__(self) -> None:
        self._by_token: dict[str, Recording] = {}

    def __contains__(self, token: str) -> bool:
        return token in self._by_token

    def record(self, token: str, exchange: Exchange) -> None:
        """Record an exchange that begins."""
        recording = self._by_token.pop(token, None) or Recording()
        self._by_token[token] = recording  # behind all others: the oldest go first
        recording.add(exchange)
        self._forget()

    def told(self, token: str) -> list[dict[str, Any]]:
        """The exchanges of a token, as JSON has them."""
        self._forget()
        recording = self._by_token.get(token)
        return [] if recording is None else [one.told() for one in recording.exchanges]

    def _forget(self) -> None:
        """Those beyond the bounds."""
        now = monotonic()
        old = [token for token, one in self._by_token.items() if now - one.last > SECONDS]
        many = list(self._by_token)[:-RECORDINGS]
        for token in {*old, *many}:
            self._by_token.pop(token).forget()
