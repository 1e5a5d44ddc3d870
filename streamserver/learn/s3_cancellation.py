"""Step 3: cancellation when the client leaves.

Adds: the connection owns the task of its response, and cancels it when the connection is lost. The
cancellation reaches the handler at the `await` or `yield` where it waits, and its `finally` blocks
run at once, since `aclosing` closes the generator in the same task.

Mends, of step 2: the handler ran on after its client had left. What it costs (a database cursor, a
model that is paid by the token) was spent on a response that no client read.

Try: curl -N --max-time 2 http://127.0.0.1:8000/ticks    (and read the output of this program)
In the engine: `server/connection.py`, Connection.eof_received and Connection.connection_lost;
`server/exchange.py`, Exchange.abandon and Exchange._run
"""

import asyncio
import itertools
import socket
import struct
import sys
import time
import traceback
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import cast

import h11

LAST_CHUNK = b"0\r\n\r\n"
HEADERS = [
    ("content-type", "text/event-stream"),
    ("cache-control", "no-cache"),
    ("transfer-encoding", "chunked"),  # h11 omits it towards HTTP/1.0
    ("connection", "close"),
]
RESET = struct.pack("ii", 1, 0)  # SO_LINGER, zero seconds: closing sends RST, not FIN


def event(data: str, id: int) -> bytes:
    """One server-sent event. JSON has no line ends; other data needs a field for each line."""
    return f"id: {id}\ndata: {data}\n\n".encode()


def chunk(piece: bytes) -> bytes:
    """One chunk: the size in hexadecimal digits, CRLF, the data, CRLF."""
    return b"%x\r\n%b\r\n" % (len(piece), piece)


async def counter(query: str) -> AsyncGenerator[bytes, None]:
    """Ten events. The query is the pause in seconds, 0.5 by default; /counter?x fails."""
    for n in range(10):
        yield event(f'{{"count":{n},"time":{time.time_ns() // 1_000_000}}}', n)
        await asyncio.sleep(float(query or 0.5))


async def ticks(query: str) -> AsyncGenerator[bytes, None]:
    """Events without end; the output shows whether the handler still runs."""
    try:
        for n in itertools.count():
            print("tick", flush=True)
            yield event('"tick"', n)
            await asyncio.sleep(float(query or 0.5))
    finally:
        print("the handler has ended", flush=True)


async def download(query: str) -> AsyncGenerator[bytes, None]:
    """A hundred pieces of 1 MiB; the output shows how far ahead of the client the handler is."""
    for n in range(100):
        yield bytes(1024 * 1024)
        print(f"{n + 1} MiB", flush=True)
        await asyncio.sleep(0)


HANDLERS = {"/counter": counter, "/ticks": ticks, "/download": download}


class Connection(asyncio.Protocol):
    """One connection, which serves one request."""

    task: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.http = h11.Connection(h11.SERVER)

    def data_received(self, data: bytes) -> None:
        try:
            self.http.receive_data(data)
            request = self.http.next_event()
        except h11.RemoteProtocolError as error:
            return self.refuse(error.error_status_hint)
        if isinstance(request, h11.Request):
            self.task = asyncio.create_task(self.respond(request))

    def connection_lost(self, error: Exception | None) -> None:
        if self.task is not None:
            self.task.cancel()

    async def respond(self, request: h11.Request) -> None:
        """Write the head, then each piece in the framing of this response, then its end."""
        path, _, query = request.target.decode().partition("?")
        if path not in HANDLERS:
            return self.refuse(404)
        has_body = request.method != b"HEAD"
        chunked = has_body and request.http_version > b"1.0"
        head = h11.Response(status_code=200, reason="OK", headers=HEADERS)
        self.transport.write(self.http.send(head) or b"")
        try:
            if has_body:
                async with aclosing(HANDLERS[path](query)) as pieces:
                    async for piece in pieces:
                        if piece:  # an empty chunk would be the last-chunk
                            self.transport.write(chunk(piece) if chunked else piece)
        except Exception:
            traceback.print_exc()
            if not chunked:  # a FIN would signal completion
                sock = self.transport.get_extra_info("socket")
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            return self.transport.abort()
        self.transport.write(LAST_CHUNK if chunked else b"")
        self.transport.close()

    def refuse(self, status: int) -> None:
        """Answer with an error, without a body, and close."""
        head = h11.Response(status_code=status, headers=[("content-length", "0")])
        self.transport.write(self.http.send(head) or b"")
        self.transport.close()


async def main(port: int = 8000) -> None:
    """Serve on a port of 127.0.0.1 until the process is stopped; 0 stands for any free port."""
    server = await asyncio.get_running_loop().create_server(Connection, "127.0.0.1", port)
    print(f"listening on http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(*map(int, sys.argv[1:])))
