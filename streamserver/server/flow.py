"""Flow control of one connection, in both directions (RFC 9293, section 3.8).

Towards the client, the transport reports when its buffer is full and when it has drained. A
client that takes nothing for the whole write deadline is cut; one that takes a little stays.
From the client, reading stops, and TCP flow control stops the client.
"""

import asyncio
import fcntl
import socket
import struct
import sys
import termios

from streamserver.server.state import ServerState

_RESET = struct.pack("ii", 1, 0)  # struct linger: on, zero seconds


class Flow(asyncio.BufferedProtocol):
    """The flow of bytes on a transport, in both directions, and its two ways to end."""

    __slots__ = (
        "_closing",
        "_reading_paused",
        "_untaken",
        "_waiter",
        "loop",
        "paused",
        "server",
        "stalls",
        "transport",
    )

    transport: asyncio.Transport

    def __init__(self, server: ServerState) -> None:
        self.server = server
        self.loop = server.loop
        self.paused = False  # whether the client has no room
        self.stalls = 0  # how often the client had no room
        self._closing = False
        self._reading_paused = False
        self._untaken = 0
        self._waiter: asyncio.Future[None] | None = None

    # Towards the client

    def pause_writing(self) -> None:
        self.paused = True
        self.stalls += 1
        self.server.observer.write_stalled()
        self.await_progress()

    def resume_writing(self) -> None:
        self.paused = False  # whether the client has no room
        self.server.write_deadlines.stop(self)
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def until_drained(self) -> None:
        """Wait until the client has room; the waiting task is cancelled if it never has."""
        self._waiter = self.loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    async def until_flushed(self) -> None:
        """Wait until the transport's own buffer is empty."""
        if self.transport.get_write_buffer_size():
            self.transport.set_write_buffer_limits(high=0)
            try:
                while self.paused:
                    await self.until_drained()
            finally:
                self.transport.set_write_buffer_limits()

    def await_progress(self) -> None:
        """Start the write deadline: the client must take something before it passes."""
        self._untaken = self.count_untaken()
        self.server.write_deadlines.start(self)

    def write_is_late(self) -> None:
        """The write deadline has passed: start it again if the client has taken anything."""
        if self.count_untaken() < self._untaken:
            self.await_progress()
        else:
            self.stalled()

    def count_untaken(self) -> int:
        """Bytes that the client has not acknowledged, in the transport and in the kernel."""
        return self.transport.get_write_buffer_size() + self._count_in_kernel(termios.TIOCOUTQ)

    def _count_in_kernel(self, direction: int) -> int:
        try:
            answer = fcntl.ioctl(self._descriptor, direction, b"\0" * 4)
        except (OSError, ValueError):
            return 0  # closed, or not supported by the system
        return int.from_bytes(answer, sys.byteorder)

    def stalled(self) -> None:
        """The client takes nothing."""
        self.cut(reset=True)

    # From the client

    def get_buffer(self, sizehint: int) -> memoryview:
        return self.server.read_buffer

    @property
    def has_unread(self) -> bool:
        """Whether bytes from the client wait in the kernel."""
        return self._count_in_kernel(termios.FIONREAD) > 0

    def pause_reading(self) -> None:
        """Stop reading, so that TCP flow control stops the client."""
        if not self._reading_paused and not self._closing:
            self._reading_paused = True
            self.transport.pause_reading()
            self.server.hangups.watch(self._descriptor, self)

    def resume_reading(self) -> None:
        """Read again."""
        if self._reading_paused:
            self._reading_paused = False
            self.server.hangups.unwatch(self._descriptor)
            if not self._closing:
                self.transport.resume_reading()

    @property
    def _descriptor(self) -> int:
        sock = self.transport.get_extra_info("socket")
        return -1 if sock is None else int(sock.fileno())

    def hung_up(self) -> None:
        """The client has left while reading was paused."""
        self.cut(reset=True)

    # The end

    def close(self) -> None:
        """Close when everything written was sent; a client that does not take it is cut."""
        if not self._closing:
            self.resume_reading()
            self._closing = True
            self.transport.close()
            if self.transport.get_write_buffer_size():
                self.await_progress()

    def cut(self, reset: bool) -> None:
        """Close at once: with an RST where a FIN would signal completion."""
        if not reset:
            return self.close()
        self.resume_reading()
        self._closing = True
        sock = self.transport.get_extra_info("socket")
        if sock is not None and sock.fileno() >= 0:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self.transport.abort()
