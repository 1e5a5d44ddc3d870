"""An exchange that reports each piece of its body; pieces that are not observed cost nothing."""

from time import monotonic

from streamserver.server.answer import Answer
from streamserver.server.exchange import Exchange
from streamserver.server.ports import Connection
from streamserver.server.state import ServerState
from streamserver.wire.request_heads import RequestHead


class ObservedExchange(Exchange):
    """Calls the observer when its stream begins, and for each piece with the gap before it.

    ``is_stream``: whether a stream has begun.
    """

    __slots__ = ("_last", "_reported", "_wrote", "is_stream")

    def __init__(self, server: ServerState, connection: Connection, head: RequestHead) -> None:
        super().__init__(server, connection, head)
        self.is_stream = False
        self._last = 0.0
        self._reported = 0
        self._wrote = server.observer.wrote

    def prepare(self, answer: Answer) -> bool:
        """As ``Writer.prepare``."""
        has_body = super().prepare(answer)
        self.is_stream = has_body and not isinstance(answer.body, bytes)
        if self.is_stream:
            self.server.observer.began(self)
        return has_body

    def write(self, piece: bytes | str) -> None:
        """As ``Writer.write``."""
        Exchange.write(self, piece)  # super() would be looked up for each piece
        if self.bytes_sent != self._reported:
            self._report()

    def hold(self, piece: bytes | str) -> None:
        """As ``Writer.hold``."""
        Exchange.hold(self, piece)
        if self.bytes_sent != self._reported:
            self._report()

    def write_chunks(self, chunks: bytes, size: int) -> None:
        """As ``Writer.write_chunks``."""
        super().write_chunks(chunks, size)
        self._report()

    def _coded_chunk(self, data: bytes, is_last: bool = False) -> bytes:
        chunk = super()._coded_chunk(data, is_last)
        self._report()
        return chunk

    def sent(self, size: int) -> None:
        """As ``Writer.sent``."""
        super().sent(size)
        self._report()

    def _report(self) -> None:
        """Report the bytes since the last call."""
        now, before = monotonic(), self._reported
        last, self._last = self._last, now
        self._reported = self.bytes_sent
        self._wrote(self, self.bytes_sent - before, now - last if before else -1.0)
