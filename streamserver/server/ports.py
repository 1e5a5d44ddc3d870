"""Protocols of the engine: what a lower file needs of a higher one.

A connection creates exchanges, and an exchange writes to its connection. Imports run one way,
from ``connection`` through ``exchange`` and ``writer`` down to ``state``. A lower file sees the
higher object only through the members that are named here.
"""

import asyncio
from typing import Protocol

from streamserver.wire.heads import Fields


class Flow(Protocol):
    """The flow of bytes on a connection, as deadlines use it."""

    def write_is_late(self) -> None:
        """``write_timeout`` has passed."""

    def hung_up(self) -> None:
        """The client has closed or reset its side while reading was paused."""


class Connection(Flow, Protocol):
    """A client's connection, as exchanges, request bodies and deadlines use it."""

    transport: asyncio.Transport
    client: str
    loop: asyncio.AbstractEventLoop
    paused: bool
    stalls: int

    def head_is_late(self) -> None:
        """``head_timeout`` has passed."""

    async def until_drained(self) -> None:
        """Wait until the client has room."""

    async def until_flushed(self) -> None:
        """Wait until the transport's own buffer is empty."""

    def count_untaken(self) -> int:
        """Bytes that the client has not acknowledged."""

    def await_progress(self) -> None:
        """Start the write deadline."""

    def pause_reading(self) -> None:
        """Stop reading from the client."""

    def resume_reading(self) -> None:
        """Read from the client again."""

    def inform(self, status: int, fields: Fields) -> None:
        """Send an interim response."""

    def exchange_ended(self, keep_alive: bool) -> None:
        """The response is complete."""

    def drain(self) -> None:
        """Close as soon as the response to the current request allows it."""

    def close_unused(self) -> None:
        """Close unless a request has arrived."""

    def close(self) -> None:
        """Close when everything that was written has been sent."""

    def cut(self, reset: bool) -> None:
        """Close at once."""

    def abort(self) -> None:
        """Reset at once, because the server stops."""


class Exchange(Protocol):
    """One request and its response, as deadlines use it."""

    def beat(self) -> None:
        """Half a heartbeat interval has passed."""

    def expire(self) -> None:
        """``max_stream`` has passed."""
