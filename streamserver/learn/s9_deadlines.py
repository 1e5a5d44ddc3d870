"""Step 9: deadlines and a clean shutdown.

Adds: deadlines for a request head and for room to write. On SIGTERM each event stream ends with a
random `retry` field and the last-chunk; what is open after the grace period is aborted.

Mends, of step 8: slow clients held their connections for ever, and a stop cut every stream.

Try: curl -N 'http://127.0.0.1:8000/counter?9'    (then stop this program with Ctrl+C)
In the engine: `server/deadlines.py`, Deadlines; `server/listener.py`, Listener.stop
"""

import asyncio
import random
import signal
import socket
import struct
import sys
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import cast

import h11

HEAD_DEADLINE, WRITE_DEADLINE, GRACE = 10.0, 30.0, 5.0  # seconds
HEADERS = [("content-type", "text/event-stream"), ("cache-control", "no-cache")]


async def counter(query: str) -> AsyncGenerator[bytes, None]:
    """Ten events, at any path. The query is the pause in seconds; one that is no number fails."""
    for n in range(10):
        yield f'data: {{"count":{n}}}\n\n'.encode()
        await asyncio.sleep(float(query or 0.5))


connections: dict["Connection", asyncio.Future[None]] = {}


class Connection(asyncio.Protocol):
    """One connection, which serves one request after another."""

    task: asyncio.Task[None] | None = None
    stopping = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.loop = asyncio.get_running_loop()
        self.deadline = self.loop.call_later(HEAD_DEADLINE, self.transport.abort)
        connections[self] = self.loop.create_future()
        self.http = h11.Connection(h11.SERVER)
        self.held = b""
        self.room = asyncio.Event()
        self.room.set()

    def data_received(self, data: bytes) -> None:
        self.http.receive_data(data)
        self.advance()
        if len(self.http.trailing_data[0]) > 64 * 1024:  # of requests sent ahead
            self.transport.abort()

    def advance(self) -> None:
        """Take what h11 has read, until it needs more bytes or the end of the response."""
        try:
            while (read := self.http.next_event()) not in (h11.NEED_DATA, h11.PAUSED):
                if isinstance(read, h11.Request):
                    self.deadline.cancel()
                    self.task = asyncio.create_task(self.respond(read))
                elif isinstance(read, h11.EndOfMessage) and self.http.our_state is h11.DONE:
                    self.http.start_next_cycle()
        except h11.RemoteProtocolError as error:
            if self.http.our_state is not h11.SEND_BODY:
                head = h11.Response(status_code=error.error_status_hint, headers=[])
                self.write(self.http.send(head) or b"")
            self.transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        connections.pop(self).set_result(None)
        self.deadline.cancel()
        if self.task is not None:
            self.task.cancel()

    def pause_writing(self) -> None:
        self.room.clear()
        self.write_deadline = self.loop.call_later(WRITE_DEADLINE, self.transport.abort)

    def resume_writing(self) -> None:
        self.room.set()
        self.write_deadline.cancel()

    async def respond(self, request: h11.Request) -> None:
        """Write the head with the first piece, then each piece, then the end."""
        query = request.target.decode().partition("?")[2]
        self.chunked = request.http_version > b"1.0"
        self.held = self.http.send(h11.Response(status_code=200, headers=HEADERS)) or b""
        self.loop.call_soon(self.write, b"")
        try:
            if request.method != b"HEAD":
                async with aclosing(counter(query)) as pieces:
                    async for piece in pieces:
                        self.write_piece(piece)
                        await self.room.wait()
        except asyncio.CancelledError:
            if not self.stopping:
                raise
            self.write_piece(b"retry: %d\n\n" % random.randint(1000, 5000))
        except Exception as error:
            print(repr(error), flush=True)
            if not self.chunked:  # a FIN would signal completion; after this option it is a RST
                sock = self.transport.get_extra_info("socket")
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return self.transport.abort()
        self.write(self.http.send(h11.EndOfMessage()) or b"")
        self.deadline = self.loop.call_later(HEAD_DEADLINE, self.transport.abort)
        if self.stopping or self.http.our_state is h11.MUST_CLOSE:
            self.transport.close()
        elif self.http.their_state is h11.DONE:
            self.http.start_next_cycle()
            self.advance()

    def write_piece(self, piece: bytes) -> None:
        """Write a piece in the framing of this response; an empty chunk would be the last-chunk."""
        if piece:
            self.write(b"%x\r\n%b\r\n" % (len(piece), piece) if self.chunked else piece)

    def write(self, data: bytes) -> None:
        """Write what is held, and the data, in one write."""
        self.transport.write(self.held + data)
        self.held = b""


async def main(port: int = 8000) -> None:
    """Serve on a port of 127.0.0.1 until SIGINT or SIGTERM; 0 stands for any free port."""
    loop, stopped = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    server = await loop.create_server(Connection, "127.0.0.1", port)
    print(f"listening on http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await stopped.wait()
    server.close()
    for connection in connections:
        connection.stopping = True
        if connection.task is None or not connection.task.cancel():
            connection.transport.close()
    if connections:
        await asyncio.wait(connections.values(), timeout=GRACE)
    for connection in connections:
        connection.transport.abort()


if __name__ == "__main__":
    asyncio.run(main(*map(int, sys.argv[1:])))
