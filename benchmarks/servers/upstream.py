"""The upstream of every relay: a raw asyncio protocol, as cheap as `floor`.

Each read counts as one request, of which only the path is parsed. One process serves all works,
because the same relays are measured at each:

- `/stream`: ten chunks, one per millisecond, so that a relay reads each alone. Of an upstream that
  never waits, a slow relay would read several at once and appear cheap.
- `/stamped?n=COUNT`: a chunk every 10 ms with the time of sending (`time.monotonic_ns`).
- `/events?n=SERIAL`: 20 chunks a second without end. A hundred streams with consecutive serials
  are spread evenly over time, because all due times lie on one grid.
- `/tokens`: larger chunks without end, as fast as they are read.
- `/idle`: one chunk, then silence.
- `/tally`: the number of connections accepted so far, and of open streams.

Due times are absolute, so that they do not drift. The next chunk is scheduled before the current
one is written, so that the upstream sleeps sooner after the relay is woken.
"""

import asyncio
import itertools
import socket
import time
from collections.abc import Iterator
from typing import ClassVar, cast

from benchmarks.servers import loops
from benchmarks.servers.floor import FRAMED, HEAD, TEN
from benchmarks.servers.work import CHUNK, count_of

STREAM_PERIOD, STAMPED_PERIOD, EVENT_PERIOD = 0.001, 0.010, 0.050
"""Seconds between the chunks of a stream."""

CROWD = 100
"""Streams that share the grid of `/events` evenly."""

MARK = b"~"
"""A byte that occurs once in each chunk of an endless stream, and not in heads or framing."""

EVENT = FRAMED.replace(b"0", MARK, 1)
TOKEN = (
    b'data: {"id":"chatcmpl-0123456789","object":"chat.completion.chunk","created":1700000000,'
    b'"model":"small","choices":[{"index":0,"delta":{"content":" token~"},"logprobs":null,'
    b'"finish_reason":null}]}\n\n'
)
"""An event for a token, in the form of chat services."""

BATCH = b"%x\r\n%b\r\n" % (len(TOKEN), TOKEN) * 100
SEND_BUFFER = 32 * 1024
"""Bytes in the kernel per stream of `/tokens`. With megabytes, a round would be too short for a
steady state, and a slow relay would still read long after it."""

TALLY = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n{}"


class Upstream(asyncio.Protocol):
    """One connection, with one stream at a time."""

    accepted: ClassVar[int] = 0
    streaming: ClassVar[set["Upstream"]] = set()

    def __init__(self) -> None:
        self._timer: asyncio.Handle | None = None
        self._paused = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        Upstream.accepted += 1
        self._transport = cast(asyncio.Transport, transport)
        self._loop = asyncio.get_running_loop()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end()

    def data_received(self, data: bytes) -> None:
        path, _, query = data.split(b" ", 2)[1].decode().partition("?")
        if path == "/tally":
            self._send_tally()
            return
        self._end()
        self.streaming.add(self)
        now = self._loop.time()
        match path:
            case "/stream":
                self._pace(iter(TEN), now, STREAM_PERIOD)
            case "/stamped":
                self._pace(_stamped(count_of(query)), now, STAMPED_PERIOD)
            case "/events":
                phase = count_of(query) % CROWD / CROWD * EVENT_PERIOD
                first = now // EVENT_PERIOD * EVENT_PERIOD + phase
                self._pace(_endless(), first, EVENT_PERIOD)
            case "/tokens":
                self._transport.get_extra_info("socket").setsockopt(
                    socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER
                )
                self._transport.write(HEAD)
                self._pour()
            case "/idle":
                self._transport.write(TEN[0])

    def _send_tally(self) -> None:
        text = f"{Upstream.accepted} {len(self.streaming)}"
        self._transport.write(TALLY.format(len(text), text).encode())

    def _pace(self, parts: Iterator[bytes], due: float, period: float) -> None:
        if (part := next(parts, None)) is None:
            self._end()
            return
        due += period
        self._timer = self._loop.call_at(due, self._pace, parts, due, period)
        self._transport.write(part)

    def _pour(self) -> None:
        """Write some chunks, then yield to the loop, so that all streams get their share."""
        if not self._paused and not self._transport.is_closing():
            self._transport.write(BATCH)
            self._loop.call_soon(self._pour)

    def _end(self) -> None:
        self.streaming.discard(self)
        if self._timer:
            self._timer.cancel()

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        self._pour()


def _stamped(count: int) -> Iterator[bytes]:
    yield HEAD
    width = len(CHUNK) - len(b"data: \n\n")
    for _ in range(count):
        yield b"%x\r\ndata: %0*d\n\n\r\n" % (len(CHUNK), width, time.monotonic_ns())
    yield TEN[-1]


def _endless() -> Iterator[bytes]:
    return itertools.chain([HEAD + EVENT], itertools.repeat(EVENT))


async def start(port: int) -> asyncio.Server:
    return await asyncio.get_running_loop().create_server(Upstream, "127.0.0.1", port)


if __name__ == "__main__":
    loops.run(start)
