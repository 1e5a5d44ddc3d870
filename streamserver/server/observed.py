"""An exchange under observation: every piece of its body is told as it is written.

It is a class of its own, which a listener takes for all its exchanges or for none, so that
a piece that nobody counts costs nothing.
"""

from time import monotonic
from typing import TYPE_CHECKING

from streamserver.server.answer import Answer
from streamserver.server.exchange import Exchange
from streamserver.wire.request_heads import RequestHead

if TYPE_CHECKING:
    from streamserver.server.connection import Connection


class ObservedExchange(Exchange):
    """Tells the observer when its stream begins, and of each piece with the gap before it.

    ``is_stream``: whether a stream has begun.
    """

    __slots__ = ("_last", "_wrote", "is_stream")

    def __init__(self, connection: "Connection", head: RequestHead) -> None:
        super().__init__(connection, head)
        self.is_stream = False
        self._last = 0.0
        self._wrote = connection.server.observer.wrote

    def begin(self, answer: Answer) -> bool:
        """As ``Exchange.begin``."""
        self.is_stream = super().begin(answer)
        if self.is_stream:
            self.connection.server.observer.began(self)
        return self.is_stream

    def write(self, piece: bytes | str, *, held: bool = False) -> None:
        """As ``Writer.write``."""
        before = self.bytes_sent
        Exchange.write(self, piece, held=held)  # super() would be looked up for each piece
        if self.bytes_sent != before:
            self._tell(before)

    def write_chunks(self, chunks: bytes, size: int) -> None:
        """As ``Writer.write_chunks``."""
        before = self.bytes_sent
        super().write_chunks(chunks, size)
        self._tell(before)

    def sent(self, size: int) -> None:
        """As ``Writer.sent``."""
        before = self.bytes_sent
        super().sent(size)
        self._tell(before)

    def _tell(self, before: int) -> None:
        now = monotonic()
        last, self._last = self._last, now
        self._wrote(self, self.bytes_sent - before, now - last if before else -1.0)
