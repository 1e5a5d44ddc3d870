"""The floor: the cost of the event loop and the kernel without a server.

Each read counts as one request, is not parsed, and is answered with prepared bytes: a write per
chunk, the head with the first chunk, the last-chunk alone (a stream does not know which chunk is
its last until it ends). An HTTP server that streams cannot do less; a ratio to the floor shows what
a server adds.
"""

import asyncio
import itertools
from collections.abc import Iterator
from typing import ClassVar, cast

from benchmarks.servers import loops
from benchmarks.servers.work import CHUNK, CHUNKS, CONTENT_TYPE, WORK, count_of

HEAD = (
    f"HTTP/1.1 200 OK\r\nContent-Type: {CONTENT_TYPE}\r\nCache-Control: no-cache\r\n"
    "Date: Thu, 01 Jan 1970 00:00:00 GMT\r\nTransfer-Encoding: chunked\r\n\r\n"
).encode()
FRAMED = b"%x\r\n%b\r\n" % (len(CHUNK), CHUNK)
LAST = b"0\r\n\r\n"
PUBLISHED = b"HTTP/1.1 204 No Content\r\n\r\n"
TEN = [HEAD + FRAMED, *[FRAMED] * (CHUNKS - 1), LAST]


class Floor(asyncio.Protocol):
    """One connection. Only `long` parses its request, for the number of chunks, and `fanout`, to
    distinguish readers from publishers."""

    readers: ClassVar[dict[asyncio.Transport, None]] = {}

    def __init__(self) -> None:
        self._writes: Iterator[bytes] = iter(())
        self._paused = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop has another class.
        self._loop = asyncio.get_running_loop()

    def connection_lost(self, exc: Exception | None) -> None:
        self.readers.pop(self._transport, None)

    def data_received(self, data: bytes) -> None:
        match WORK:
            case "alone":
                self._writes = iter(TEN)
                self._write_one()
            case "burst":
                for part in TEN:
                    self._transport.write(part)
            case "long":
                count = count_of(data.split(b" ")[1].decode().partition("?")[2])
                self._writes = itertools.chain([HEAD], itertools.repeat(FRAMED, count), [LAST])
                self.resume_writing()
            case "fanout" if data.startswith(b"POST"):
                self._publish(b"data: %b\n\n" % data.rpartition(b"\r\n\r\n")[2])
            case "fanout":
                self._transport.write(HEAD)
                self.readers[self._transport] = None
            case _:
                self._transport.write(TEN[0])

    def _publish(self, event: bytes) -> None:
        framed = b"%x\r\n%b\r\n" % (len(event), event)
        for transport in self.readers:
            transport.write(framed)
        self._transport.write(PUBLISHED)

    def _write_one(self) -> None:
        if (part := next(self._writes, None)) is not None:
            self._transport.write(part)
            self._loop.call_soon(self._write_one)

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        for part in self._writes:
            self._transport.write(part)
            if self._paused:
                return


async def start(port: int) -> asyncio.Server:
    return await asyncio.get_running_loop().create_server(Floor, "127.0.0.1", port)


if __name__ == "__main__":
    loops.run(start)
