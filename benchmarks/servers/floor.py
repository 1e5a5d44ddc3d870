"""The floor: what the event loop and the kernel cost when no server does anything at all.

It takes whatever it reads for one request, looks at nothing in it, and writes prepared bytes: each
chunk as a write of its own, the head together with the first, the last-chunk by itself (a
stream does not know its last chunk until it has ended). No HTTP server can do with less and still
stream, so a ratio to it says how much a server adds.
"""

import asyncio
import itertools
from collections.abc import Iterator
from typing import ClassVar, cast

from benchmarks.servers import loops
from benchmarks.servers.work import CHUNK, CHUNKS, CONTENT_TYPE, WORK, asked

HEAD = (
    f"HTTP/1.1 200 OK\r\nContent-Type: {CONTENT_TYPE}\r\nCache-Control: no-cache\r\n"
    "Date: Thu, 01 Jan 1970 00:00:00 GMT\r\nTransfer-Encoding: chunked\r\n\r\n"
).encode()
FRAMED = b"%x\r\n%b\r\n" % (len(CHUNK), CHUNK)
LAST = b"0\r\n\r\n"
PUBLISHED = b"HTTP/1.1 204 No Content\r\n\r\n"
TEN = [HEAD + FRAMED, *[FRAMED] * (CHUNKS - 1), LAST]


class Floor(asyncio.Protocol):
    """One connection. Only `long` reads its request, once a stream, to learn how many chunks; and
    `fanout`, to learn whether it is one to read or one to publish."""

    readers: ClassVar[dict[asyncio.Transport, None]] = {}

    def __init__(self) -> None:
        self._writes: Iterator[bytes] = iter(())
        self._paused = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is no subclass of it.
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
                count = asked(data.split(b" ")[1].decode().partition("?")[2])
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
