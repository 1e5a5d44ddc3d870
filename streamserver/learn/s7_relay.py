"""Step 7: the relay, without buffering.

Adds: each request is sent to an upstream, and each piece of its response is written to the client
in the call that read it. Framing and some fields belong to one connection (RFC 9110, section
7.6.1): they are made anew. A slow client pauses its upstream, a client that leaves cancels it.

Mends, of step 6: nothing was relayed. (A relay of bytes alone makes a cut response look complete.)

Try: curl -N http://127.0.0.1:8000/counter    (with the upstream `learn 1 --port 8001`)
In the engine: `proxy/request.py`, RelayedRequest.on_response; `proxy/rewriting.py`, end_to_end;
`proxy/upstream.py`, UpstreamConnection.eof_received; `wire/responses.py`, ResponseReader.eof
"""

import asyncio
import socket
import struct
import sys
from functools import partial
from typing import cast

import h11

ONE_HOP = b"connection keep-alive te trailer transfer-encoding upgrade content-length".split()
CLOSE = [(b"connection", b"close")]


def forwarded(part: h11.Request | h11.Response) -> list[tuple[bytes, bytes]]:
    """The fields for the next connection: without those of this one, some named by Connection."""
    options = b",".join(value for name, value in part.headers if name == b"connection")
    dropped = ONE_HOP + options.lower().replace(b" ", b"").split(b",")
    return [(name, value) for name, value in part.headers if name not in dropped] + CLOSE


class Upstream(asyncio.Protocol):
    """A connection to the upstream, for one request of one client."""

    def __init__(self, client: "Connection", request: h11.Request) -> None:
        self.client, self.request = client, request
        self.http = h11.Connection(h11.CLIENT)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.write(self.http.send(self.request) or b"")
        self.http.send(h11.EndOfMessage())

    def data_received(self, data: bytes) -> None:
        try:
            self.http.receive_data(data)
            while (read := self.http.next_event()) not in (h11.NEED_DATA, h11.PAUSED):
                if isinstance(read, h11.Response):
                    fields = forwarded(read)
                    self.client.send(h11.Response(status_code=read.status_code, headers=fields))
                elif isinstance(read, h11.Data):
                    self.client.write(bytes(read.data))
                elif isinstance(read, h11.EndOfMessage):
                    self.transport.abort()
                    return self.client.end()
        except h11.RemoteProtocolError:
            self.client.fail(502)

    def eof_received(self) -> None:
        self.data_received(b"")  # h11 knows whether the response may end here

    def connection_lost(self, error: Exception | None) -> None:
        if error is not None:
            self.client.fail(502)


class Connection(asyncio.Protocol):
    """A connection of a client. To keep this step short it serves one request, as in step 4."""

    connecting: asyncio.Task[None] | None = None
    upstream: asyncio.Transport | None = None

    def __init__(self, port: int) -> None:
        self.port = port  # of the upstream
        self.http = h11.Connection(h11.SERVER)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        try:
            self.http.receive_data(data)
            if isinstance(request := self.http.next_event(), h11.Request):
                self.connecting = asyncio.create_task(self.ask(request))
        except h11.RemoteProtocolError as error:
            self.fail(error.error_status_hint)

    async def ask(self, request: h11.Request) -> None:
        """Send the request to the upstream, whose response then comes to `send` and `write`."""
        self.chunked = request.http_version > b"1.0"
        if request.method != b"GET":
            return self.fail(501)
        asked = h11.Request(method="GET", target=request.target, headers=forwarded(request))
        try:
            self.upstream, _ = await asyncio.get_running_loop().create_connection(
                lambda: Upstream(self, asked), "127.0.0.1", self.port
            )
        except OSError:
            self.fail(502)

    def send(self, part: h11.Event) -> None:
        """Write a head, or the last-chunk."""
        self.transport.write(self.http.send(part) or b"")

    def write(self, piece: bytes) -> None:
        """Write a piece of the body, as a chunk of its own."""
        self.transport.write(b"%x\r\n%b\r\n" % (len(piece), piece) if self.chunked else piece)

    def end(self) -> None:
        """Complete the response, and close."""
        self.send(h11.EndOfMessage())
        self.transport.close()

    def fail(self, status: int) -> None:
        """Answer with an error while the head is not out; after it, end without a last-chunk."""
        if self.http.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            self.send(h11.Response(status_code=status, headers=CLOSE))
            return self.end()
        if not self.chunked:  # a FIN would signal completion; after this option it is a RST
            sock = self.transport.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()

    def connection_lost(self, error: Exception | None) -> None:
        if self.connecting:
            self.connecting.cancel()
        if self.upstream is not None:
            self.upstream.abort()

    def pause_writing(self) -> None:
        if self.upstream:
            self.upstream.pause_reading()

    def resume_writing(self) -> None:
        if self.upstream:
            self.upstream.resume_reading()


async def main(port: int = 8000, upstream: int = 8001) -> None:
    """Relay from a port of 127.0.0.1 to the port of the upstream, until the process is stopped."""
    new = partial(Connection, upstream)
    server = await asyncio.get_running_loop().create_server(new, "127.0.0.1", port)
    print(f"listening on http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(*map(int, sys.argv[1:])))
