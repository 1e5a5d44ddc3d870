"""One connection of the client, on a raw asyncio protocol."""

import asyncio
from time import monotonic_ns
from typing import cast

from streamserver.lab.client.reading import Reading


class Connection(asyncio.Protocol):
    """Sends one request at a time, and stamps what comes back."""

    transport: asyncio.Transport

    def __init__(self) -> None:
        self._reading: Reading | None = None
        self._done: asyncio.Future[None] | None = None

    async def ask(self, request: bytes, reading: Reading) -> None:
        """Send a request, and wait until its response is whole or never will be."""
        self._reading = reading
        self._done = asyncio.get_running_loop().create_future()
        reading.record.sent = monotonic_ns()
        self.transport.write(request)
        try:
            await self._done
        finally:
            self._reading = self._done = None
            if not reading.keep_alive or reading.record.end not in ("complete", "refused"):
                self.transport.abort()

    @property
    def is_open(self) -> bool:
        """Whether it may take another request."""
        return not self.transport.is_closing()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        moment = monotonic_ns()
        if self._reading is None:
            self.transport.abort()  # nobody asked
        elif self._reading.feed(data, moment):
            self._finish()

    def eof_received(self) -> None:
        if self._reading is not None:
            self._reading.eof(monotonic_ns())
            self._finish()

    def connection_lost(self, error: Exception | None) -> None:
        if self._reading is not None and self._done is not None and not self._done.done():
            record = self._reading.record
            record.end, record.detail = "reset", str(error or "the connection was closed")
            self._finish()

    def _finish(self) -> None:
        if self._done is not None and not self._done.done():
            self._done.set_result(None)
