"""Requests without sockets: the real protocols on transports that only keep what is written.

Without a kernel and a client the calls of a request can be counted exactly. The counts exclude the
iteration of the loop and this driver; the time includes both.
"""

import asyncio
import gc
import socket
import statistics
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter_ns
from typing import Any

from benchmarks.client import LAST_CHUNK
from benchmarks.servers.work import CHUNK
from streamserver.kit.service import Handler, close, service
from streamserver.server.listener import Listener

WARM_UP, COUNTED, TIMED = 20, 30, 2_000
END = (LAST_CHUNK[2:], b"\r\n\r\n" + CHUNK)
"""The last bytes of a response, by which it is known to be complete."""
TURNS = 1_000
"""Iterations of the loop after which a request counts as hanging."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Calls of Python functions and of C functions, and microseconds, of one request."""

    python: int
    c: int
    us: float


class Transport(asyncio.Transport):
    """Keeps what its protocol writes, and never blocks."""

    def __init__(self, protocol: Any, sock: socket.socket) -> None:
        super().__init__({"socket": sock, "peername": ("127.0.0.1", 1)})
        self.protocol = protocol
        self.written: list[bytes] = []
        self._closing = False
        self.write = self.written.append  # type: ignore[method-assign, assignment]  # fast
        protocol.connection_made(self)

    def fill(self, data: bytes) -> Callable[[], None]:
        """Return the call by which a loop delivers `data` to the protocol."""
        if isinstance(self.protocol, asyncio.BufferedProtocol):
            self.protocol.get_buffer(len(data))[: len(data)] = data  # type: ignore[index]  # a memoryview
            return lambda: self.protocol.buffer_updated(len(data))
        return lambda: self.protocol.data_received(data)

    def writelines(self, parts: Iterable[Any]) -> None:
        self.written.extend(parts)

    def get_write_buffer_size(self) -> int:
        return 0

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def is_closing(self) -> bool:
        return self._closing

    def is_reading(self) -> bool:
        return True

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass

    def close(self) -> None:
        if not self._closing:
            self._closing = True
            asyncio.get_running_loop().call_soon(self.protocol.connection_lost, None)

    abort = close


class Loop(asyncio.SelectorEventLoop):
    """Gives every connection, accepted or opened, a `Transport`."""

    peer: socket.socket | None = None

    def __init__(self) -> None:
        super().__init__()
        self.accepted: list[Transport] = []
        self.opened: list[Transport] = []

    async def connect_accepted_socket(
        self, protocol_factory: Callable[[], Any], sock: socket.socket, **_: object
    ) -> tuple[Transport, Any]:
        self.accepted.append(Transport(protocol_factory(), sock))
        return self.accepted[-1], self.accepted[-1].protocol

    async def create_connection(
        self, protocol_factory: Callable[[], Any], *_: object, **__: object
    ) -> tuple[Transport, Any]:
        sock, self.peer = socket.socketpair()  # A relay polls an idle upstream.
        self.opened.append(Transport(protocol_factory(), sock))
        return self.opened[-1], self.opened[-1].protocol


@contextmanager
def _outside_of_tasks() -> Iterator[None]:
    """Run as a callback of the loop does, in which the real transports deliver: no task runs."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None
    asyncio.tasks._leave_task(loop, task)
    try:
        yield
    finally:
        asyncio.tasks._enter_task(loop, task)


def _nothing() -> None:
    pass


class Counter:
    """Counts the calls in a `with` block, if `counts`."""

    def __init__(self, counts: bool) -> None:
        self.python = self.c = 0
        self._counts = counts

    def __enter__(self) -> None:
        if self._counts:
            self.python -= 1  # that of __exit__
            self.c -= 1  # that of setprofile
            sys.setprofile(self._count)

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)

    def _count(self, _frame: object, event: str, _arg: object) -> None:
        if event == "call":
            self.python += 1
        elif event == "c_call":
            self.c += 1


class Driver:
    """Sends requests over the one connection of a server, and counts what each costs."""

    def __init__(self, loop: Loop, answer: Iterable[bytes] = ()) -> None:
        self._loop, self._answer = loop, [*answer]
        self._turn = (0, 0)

    async def cost(self, request: bytes) -> Cost:
        """Return the most frequent counts and the median time of a request."""
        self._turn = await self._idle_turn()
        for _ in range(WARM_UP):
            await self._exchange(request, Counter(counts=False))
        counted = []
        for _ in range(COUNTED):
            counter = Counter(counts=True)
            turns = await self._exchange(request, counter)
            python, c = self._turn
            # The first delivery is before the first iteration.
            counted.append((counter.python - turns * python - 1, counter.c - turns * c))
        gc.collect()
        times = []
        for _ in range(TIMED):
            started = perf_counter_ns()
            await self._exchange(request, Counter(counts=False))
            times.append((perf_counter_ns() - started) / 1000)
        # The most frequent counts: a few requests renew the date or meet a timer.
        return Cost(*statistics.mode(counted), us=statistics.median(times))

    async def _exchange(self, request: bytes, counter: Counter) -> int:
        """Run one request to the end of its response; return the iterations of the loop."""
        client = self._loop.accepted[0]
        client.written.clear()
        for upstream in self._loop.opened:
            upstream.written.clear()
        answer = iter(self._answer)
        deliver = client.fill(request)
        for turns in range(TURNS):
            with _outside_of_tasks(), counter:
                deliver()
            if client.written and client.written[-1].endswith(END):
                return turns
            with counter:
                await asyncio.sleep(0)
            deliver = self._next(answer)
        raise RuntimeError(f"no end of the response within {TURNS} turns: {client.written}")

    def _next(self, answer: Iterator[bytes]) -> Callable[[], None]:
        """Return the delivery of the upstream's next piece, once it has the request."""
        for upstream in self._loop.opened:
            if upstream.written and (piece := next(answer, None)) is not None:
                return upstream.fill(piece)
        return _nothing

    async def _idle_turn(self) -> tuple[int, int]:
        """Return the calls of an iteration in which only this driver runs."""
        counters = [Counter(counts=True) for _ in range(10)]
        for counter in counters:
            with counter:
                _nothing()
            with counter:
                await asyncio.sleep(0)
        return statistics.mode([(counter.python, counter.c) for counter in counters])


def cost(handler: Handler, request: bytes, answer: Iterable[bytes] = ()) -> Cost:
    """Return the cost of a request to `handler`, whose upstream sends the pieces of `answer`."""
    with asyncio.Runner(loop_factory=Loop) as runner:
        return runner.run(_cost(runner.get_loop(), handler, request, answer))


async def _cost(
    loop: asyncio.AbstractEventLoop, handler: Handler, request: bytes, answer: Iterable[bytes]
) -> Cost:
    assert isinstance(loop, Loop)
    listener = Listener(service(handler))
    sock = socket.create_server(("127.0.0.1", 0))
    await listener.start(sock=sock)
    # The kernel accepts the connection, and takes no part afterwards.
    with socket.create_connection(sock.getsockname()):
        while not loop.accepted:
            await asyncio.sleep(0.01)
        try:
            return await Driver(loop, answer).cost(request)
        finally:
            await listener.stop(grace=0.0)
            await close(handler)
            for transport in (*loop.accepted, *loop.opened):
                transport.get_extra_info("socket").close()
            if loop.peer is not None:
                loop.peer.close()
