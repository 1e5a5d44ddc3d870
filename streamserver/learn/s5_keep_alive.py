"""Step 5: keep-alive and pipelining.

Adds: h11 follows both sides of the connection. When request and response are complete,
`start_next_cycle` begins the next exchange with the bytes that a pipelining client has sent ahead,
of which only so many may wait (RFC 9112, section 9.3).

Mends, of step 4: two requests on one connection got one response, and each request cost its client
a new connection: one round trip more, and three with TLS.

Try: curl -N -w '%{num_connects} new connection\n' 'http://127.0.0.1:8000/counter?0.[1-2]'
In the engine: `server/connection.py`, Connection.exchange_ended; `wire/heads.py`, persists
"""

import asyncio
import socket
import struct
import sys
import traceback
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import cast

import h11

# h11 adds transfer-encoding: chunked, except towards HTTP/1.0.
HEADERS = [("content-type", "text/event-stream"), ("cache-control", "no-cache")]


def event(data: str) -> bytes:
    """One server-sent event. JSON has no line ends; other data needs a field for each line."""
    return f"data: {data}\n\n".encode()


def chunk(piece: bytes) -> bytes:
    """One chunk: the size in hexadecimal digits, CRLF, the data, CRLF."""
    return b"%x\r\n%b\r\n" % (len(piece), piece)


async def counter(query: str) -> AsyncGenerator[bytes, None]:
    """Ten events. The query is the pause in seconds, 0.5 by default; /counter?x fails."""
    for n in range(10):
        yield event(f'{{"count":{n}}}')
        await asyncio.sleep(float(query or 0.5))


readers: set[asyncio.Queue[str]] = set()


async def feed(query: str) -> AsyncGenerator[bytes, None]:
    """What is published from now on; each reader has a task, a queue and an encoding of its own."""
    queue: asyncio.Queue[str] = asyncio.Queue()
    readers.add(queue)
    try:
        while True:
            yield event(await queue.get())
    finally:
        readers.discard(queue)


async def publish(query: str) -> AsyncGenerator[bytes, None]:
    """Send the query to all readers of the feed; the answer counts readers and tasks."""
    for queue in readers:
        queue.put_nowait(query)
    yield f"{len(readers)} readers, {len(asyncio.all_tasks())} tasks\n".encode()


HANDLERS = {"/counter": counter, "/feed": feed, "/publish": publish}


class Connection(asyncio.Protocol):
    """One connection, which serves one request after another."""

    task: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.http = h11.Connection(h11.SERVER)
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
                    self.task = asyncio.create_task(self.respond(read))
                elif isinstance(read, h11.EndOfMessage) and self.http.our_state is h11.DONE:
                    self.http.start_next_cycle()
        except h11.RemoteProtocolError as error:
            if self.http.our_state is not h11.SEND_BODY:
                self.send(h11.Response(status_code=error.error_status_hint, headers=[]))
            self.transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        if self.task is not None:
            self.task.cancel()

    def pause_writing(self) -> None:
        self.room.clear()

    def resume_writing(self) -> None:
        self.room.set()

    async def respond(self, request: h11.Request) -> None:
        """Write the head, then each piece in the framing of this response, then its end."""
        path, _, query = request.target.decode().partition("?")
        status = 200 if path in HANDLERS else 404
        chunked = request.http_version > b"1.0"
        self.send(h11.Response(status_code=status, headers=HEADERS))
        try:
            if status == 200 and request.method != b"HEAD":
                async with aclosing(HANDLERS[path](query)) as pieces:
                    async for piece in pieces:
                        if piece:  # an empty chunk would be the last-chunk
                            self.transport.write(chunk(piece) if chunked else piece)
                        await self.room.wait()
        except Exception:
            traceback.print_exc()
            if not chunked:  # a FIN would signal completion; after this option it is a RST
                sock = self.transport.get_extra_info("socket")
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return self.transport.abort()
        self.send(h11.EndOfMessage())
        if self.http.our_state is h11.MUST_CLOSE:
            self.transport.close()
        elif self.http.their_state is h11.DONE:
            self.http.start_next_cycle()
            self.advance()

    def send(self, part: h11.Event) -> None:
        """Pass a part to h11, and write the bytes that it returns: a head, or the last-chunk."""
        self.transport.write(self.http.send(part) or b"")


async def main(port: int = 8000) -> None:
    """Serve on a port of 127.0.0.1 until the process is stopped; 0 stands for any free port."""
    server = await asyncio.get_running_loop().create_server(Connection, "127.0.0.1", port)
    print(f"listening on http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(*map(int, sys.argv[1:])))
