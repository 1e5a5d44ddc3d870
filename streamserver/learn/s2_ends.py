"""Step 2: honest framing and honest ends.

Adds: the request decides how the body is framed, and the end of a response shows whether it is
whole (RFC 9112, sections 6.3 and 8).

Mends, of step 1: HEAD got a body; HTTP/1.0, which has no chunks, got chunk sizes as data; an empty
piece became a chunk of size zero, which ended the stream; a line end in an id forged a field; a
handler that failed left its client waiting. A response that failed now ends without the last-chunk.
Where the end of the connection is the end of the body, an RST ends it: a FIN would signal success.

Try: curl -N http://127.0.0.1:8000/counter?x; echo "curl ends with status $?"
In the engine: `server/framing.py`, frame; `server/exchange.py`, Exchange.fail and Exchange.cut
"""

import asyncio
import re
import socket
import struct
import sys
import time
import traceback
from collections.abc import AsyncIterator
from typing import cast
from urllib.parse import unquote

import h11

LAST_CHUNK = b"0\r\n\r\n"
HEADERS = [
    ("content-type", "text/event-stream"),
    ("cache-control", "no-cache"),
    ("transfer-encoding", "chunked"),  # h11 omits it towards HTTP/1.0
    ("connection", "close"),
]
RESET = struct.pack("ii", 1, 0)  # SO_LINGER, zero seconds: closing sends RST, not FIN


def event(data: str, id: object = None) -> bytes:
    """One server-sent event; ValueError for an id that would break its lines."""
    if re.search(r"[\r\n\0]", str(id)):
        raise ValueError(f"the id of an event has no CR, LF or NUL: {id!r}")
    lines = [] if id is None else [f"id: {id}"]
    lines += [f"data: {line}" for line in re.split(r"\r\n|\r|\n", data)]
    return "\n".join([*lines, "", ""]).encode()


def chunk(piece: bytes) -> bytes:
    """One chunk: the size in hexadecimal digits, CRLF, the data, CRLF."""
    return b"%x\r\n%b\r\n" % (len(piece), piece)


async def counter(query: str) -> AsyncIterator[bytes]:
    """Ten events. The query is the pause in seconds, 0.5 by default; /counter?x fails."""
    for n in range(10):
        yield event(f'{{"count":{n},"time":{time.time_ns() // 1_000_000}}}', n)
        await asyncio.sleep(float(query or 0.5))


async def echo(query: str) -> AsyncIterator[bytes]:
    """The query as the id of an event; an empty piece comes before it."""
    yield b": an empty piece follows\n\n"
    yield b""
    yield event("the id is the query", unquote(query))


async def ticks(query: str) -> AsyncIterator[bytes]:
    """Events without end; the output shows whether the handler still runs."""
    try:
        while True:
            print("tick", flush=True)
            yield event("tick")
            await asyncio.sleep(float(query or 0.5))
    finally:
        print("the handler has ended", flush=True)


HANDLERS = {"/counter": counter, "/echo": echo, "/ticks": ticks}


class Connection(asyncio.Protocol):
    """One connection, which serves one request."""

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
                async for piece in HANDLERS[path](query):
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
