"""Step 8: head and first piece in one write, and a probe that measures the time to first byte.

Adds: the head waits for the first piece, but never longer than the producer can work without a
wait: `call_soon` sends it alone as soon as the event loop runs again. The probe stamps each read in
`data_received`, before it parses anything, so that it measures the server and not itself.

Mends, of all steps before: head and first piece left in two writes, and so in two packets.

Try: curl -N http://127.0.0.1:8000/counter; python -m streamserver learn 8 --probe
In the engine: `server/writer.py`, Writer.write; `server/exchange.py`, Exchange.start;
`lab/client/connection.py`, Connection.data_received
"""

import asyncio
import socket
import struct
import sys
import time
import traceback
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import cast

import h11

HEADERS = [("content-type", "text/event-stream"), ("cache-control", "no-cache")]


async def counter(query: str) -> AsyncGenerator[bytes, None]:
    """Ten events. The query is the pause in seconds, 0.5 by default; /counter?x fails."""
    for n in range(10):
        yield f'data: {{"count":{n}}}\n\n'.encode()
        await asyncio.sleep(float(query or 0.5))


class Connection(asyncio.Protocol):
    """One connection, which serves one request after another."""

    task: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
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
                    self.task = asyncio.create_task(self.respond(read))
                elif isinstance(read, h11.EndOfMessage) and self.http.our_state is h11.DONE:
                    self.http.start_next_cycle()
        except h11.RemoteProtocolError as error:
            if self.http.our_state is not h11.SEND_BODY:
                head = h11.Response(status_code=error.error_status_hint, headers=[])
                self.write(self.http.send(head) or b"")
            self.transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        if self.task is not None:
            self.task.cancel()

    def pause_writing(self) -> None:
        self.room.clear()

    def resume_writing(self) -> None:
        self.room.set()

    async def respond(self, request: h11.Request) -> None:
        """Write the head with the first piece, then each piece, then the end."""
        path, _, query = request.target.decode().partition("?")
        status = 200 if path == "/counter" else 404
        chunked = request.http_version > b"1.0"
        self.held = self.http.send(h11.Response(status_code=status, headers=HEADERS)) or b""
        asyncio.get_running_loop().call_soon(self.write, b"")
        try:
            if status == 200 and request.method != b"HEAD":
                async with aclosing(counter(query)) as pieces:
                    async for piece in pieces:
                        if piece:  # an empty chunk would be the last-chunk
                            self.write(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
                        await self.room.wait()
        except Exception:
            traceback.print_exc()
            if not chunked:  # a FIN would signal completion; after this option it is a RST
                sock = self.transport.get_extra_info("socket")
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return self.transport.abort()
        self.write(self.http.send(h11.EndOfMessage()) or b"")
        if self.http.our_state is h11.MUST_CLOSE:
            self.transport.close()
        elif self.http.their_state is h11.DONE:
            self.http.start_next_cycle()
            self.advance()

    def write(self, data: bytes) -> None:
        """Write what is held, and the data, in one write."""
        self.transport.write(self.held + data)
        self.held = b""


class Probe(asyncio.Protocol):
    """Asks for ten events, and prints when each read arrived, before it looks into any."""

    def __init__(self) -> None:
        self.ended = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.reads: list[tuple[float, bytes]] = []
        self.asked = time.perf_counter()
        request = b"GET /counter?0 HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"
        cast(asyncio.Transport, transport).write(request)

    def data_received(self, data: bytes) -> None:
        self.reads.append((time.perf_counter() - self.asked, data))

    def connection_lost(self, error: Exception | None) -> None:
        for moment, data in self.reads:
            print(f"{moment * 1000:.3f} ms: {data[:72]!r}")
        self.ended.set()


async def probe(port: int) -> None:
    """Ask the server on a port of 127.0.0.1 once."""
    _, asked = await asyncio.get_running_loop().create_connection(Probe, "127.0.0.1", port)
    await asked.ended.wait()


async def main(port: int = 8000) -> None:
    """Serve on a port of 127.0.0.1 until the process is stopped; 0 stands for any free port."""
    server = await asyncio.get_running_loop().create_server(Connection, "127.0.0.1", port)
    print(f"listening on http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    if sys.argv[1:2] == ["probe"]:
        asyncio.run(probe(int(sys.argv[2])))
    else:
        asyncio.run(main(*map(int, sys.argv[1:])))
