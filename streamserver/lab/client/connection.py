"""One connection of the client, on a raw asyncio protocol."""

import asyncio
from time import monotonic_ns
from typing import cast

from streamserver.lab.client.reading import Reading
from streamserver.lab.client.record import End
from streamserver.lab.client.timeouts import Clocks


class Connection(asyncio.Protocol):
    """Sends one request at a time, and stamps what comes back."""

    transport: asyncio.Transport
    made = 0
    """When it stood, TLS included."""

    def __init__(self, clocks: Clocks) -> None:
        self._clocks = clocks
        self._reading: Reading | None = None
        self._done: asyncio.Future[None] | None = None

    async def ask(self, request: bytes, reading: Reading) -> None:
        """Send a request, and wait until its response is whole or never will be."""
        self._reading = reading
        self._done = asyncio.get_running_loop().create_future()
        self._clocks.asked(self)
        self.transport.write(request)
        if not self.transport.get_write_buffer_size():
            reading.record.sent = monotonic_ns()
        try:
            await self._done
        except asyncio.CancelledError:
            # Maybe with a response that is whole; but nobody is left who would keep this.
            self.transport.abort()
            raise
        finally:
            self._clocks.over(self)
            self._reading = self._done = None
            if not reading.keep_alive:
                self.transport.abort()

    @property
    def is_open(self) -> bool:
        """Whether it may take another request."""
        return not self.transport.is_closing()

    def give_up(self, end: End, detail: str) -> None:
        """End the exchange here."""
        if self._reading is not None:
            self._reading.record.end, self._reading.record.detail = end, detail
            self._finish()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.made = monotonic_ns()
        self.transport = cast(asyncio.Transport, transport)
        # So that resume_writing tells when all of a large request has left.
        self.transport.set_write_buffer_limits(0)

    def resume_writing(self) -> None:
        if self._reading is not None:
            self._reading.record.sent = monotonic_ns()

    def data_received(self, data: bytes) -> None:
        moment = monotonic_ns()
        if self._reading is None:
            # No request is open, or its response has ended. uvloop delivers several reads before
            # the waiting coroutine runs: a finished record must not change.
            self.transport.abort()
        elif self._reading.feed(data, moment):
            self._finish()
        else:
            self._clocks.read(self)

    def eof_received(self) -> None:
        if self._reading is not None:
            self._reading.eof(monotonic_ns())
            self._finish()

    def connection_lost(self, error: Exception | None) -> None:
        if self._reading is not None:
            self._reading.lost("reset", str(error or "the connection was closed"))
            self._finish()

    def _finish(self) -> None:
        """End the exchange; bytes that arrive later do not change its record."""
        self._reading = None
        if self._done is not None and not self._done.done():
            self._done.set_result(None)
