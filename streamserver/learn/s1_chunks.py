"""Step 1: a streamed response, framed by hand.

Adds: h11 reads the request, and the response leaves piece by piece. Each piece is a server-sent
event (WHATWG HTML, section 9.2), each event travels as one chunk (RFC 9112, section 7.1), and each
chunk is written before the next piece exists.

Mends: a response with Content-Length can only be sent once all of it exists. With chunks, the
client reads the first piece after milliseconds, and the last-chunk shows that none is missing.

Try: curl -N http://127.0.0.1:8000/counter
In the engine: `wire/chunked.py`, encode; `wire/sse.py`, encode; `server/writer.py`, Writer.write
"""

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from typing import cast
from urllib.parse import unquote

import h11

LAST_CHUNK = b"0\r\n\r\n"
HEAD = h11.Response(
    status_code=200,
    reason="OK",
    headers=[
        ("content-type", "text/event-stream"),
        ("cache-control", "no-cache"),
        ("transfer-encoding", "chunked"),
        ("connection", "close"),
    ],
)


def event(data: str, id: object = None) -> bytes:
    """One server-sent event: its fields, one per line, and the empty line that ends it."""
    first = "" if id is None else f"id: {id}\n"
    return f"{first}data: {data}\n\n".encode()


def chunk(piece: bytes) -> bytes:
    """One chunk: the size in hexadecimal digits, CRLF, the data, CRLF."""
    return b"%x\r\n%b\r\n" % (len(piece), piece)


async def counter(query: str) -> AsyncIterator[bytes]:
    """Ten events. The query is the pause in seconds, 0.5 by default; /counter?x fails."""
    for n in range(10):
        yield event(f'{{"count":{n},"time":{time.time_ns() // 1_000_000}}}', n)
        await asyncio.sleep(float(query or 0.5))


async def echo(query: str) -> AsyncIterator[bytes]:
    """The query as the id of an event, between two pieces; one piece is empty."""
    yield b": an empty piece follows\n\n"
    yield b""
    yield event("the id is the query", unquote(query))


HANDLERS = {"/counter": counter, "/echo": echo}


class Connection(asyncio.Protocol):
    """One connection, which serves one request."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.http = h11.Connection(h11.SERVER)

    def data_received(self, data: bytes) -> None:
        self.http.receive_data(data)
        request = self.http.next_event()
        if isinstance(request, h11.Request):
            self.task = asyncio.create_task(self.respond(request))

    async def respond(self, request: h11.Request) -> None:
        """Write the head, then each piece in the moment in which the handler yields it."""
        path, _, query = request.target.decode().partition("?")
        handler = HANDLERS[path]
        self.transport.write(self.http.send(HEAD) or b"")
        async for piece in handler(query):
            self.transport.write(chunk(piece))
        self.transport.write(LAST_CHUNK)
        self.transport.close()


async def main(port: int = 8000) -> None:
    """Serve on a port of 127.0.0.1 until the process is stopped; 0 stands for any free port."""
    server = await asyncio.get_running_loop().create_server(Connection, "127.0.0.1", port)
    print(f"listening on http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(*map(int, sys.argv[1:])))
