"""Several processes on one address, each replaced when it dies.

The supervisor owns the listening sockets and serves nothing itself. Every worker is a new process
of the same command line that inherits one socket. A replacement thus continues the accept queue
of the worker that died, and no connection that waited there is lost. Workers are not forked,
because a copy of threads and of open connections does not work reliably.

A socket pair, the lifeline, connects each worker to its supervisor. The worker writes its URL to
it when it listens. If one side dies, the other one reads the end of the stream, so no worker
outlives its supervisor.
"""

import asyncio
import contextlib
import logging
import signal
import socket
from asyncio.subprocess import Process
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

logger = logging.getLogger("streamserver")

VARIABLE = "STREAMSERVER_INHERITED"
"""The environment variable that makes a process a worker."""

MARGIN = 3.0
"""Seconds that a worker gets beyond its grace period, or after an abort, before it is killed."""


def inherit(text: str) -> tuple[socket.socket, socket.socket]:
    """For a worker: its listening socket and its lifeline, from the text of `VARIABLE`."""
    listening, lifeline = (socket.socket(fileno=int(number)) for number in text.split())
    # A program that the app starts must not keep the port after this process has ended.
    for sock in (listening, lifeline):
        sock.set_inheritable(False)
    return listening, lifeline


async def obey(
    lifeline: socket.socket, url: str, *, drain: Callable[[], object], abort: Callable[[], object]
) -> None:
    """For a worker: report to the supervisor that it listens, and drain when the supervisor ends.

    Any byte from the supervisor before that means: abort.
    """
    loop = asyncio.get_running_loop()
    lifeline.setblocking(False)
    order = b""
    with contextlib.suppress(ConnectionError):
        await loop.sock_sendall(lifeline, url.encode())
        order = await loop.sock_recv(lifeline, 1)
    if order:
        abort()
    drain()


@dataclass(slots=True)
class Backoff:
    """How many seconds to wait before a worker is started again.

    0 after the first death; then `first`, doubled up to `bound`, while workers die before they are
    `calm` seconds old.
    """

    first: float = 0.25
    bound: float = 8.0
    calm: float = 10.0
    _next: float = 0.0

    def delay(self, lived: float) -> float:
        """The wait after a worker that lived this many seconds."""
        if lived >= self.calm:
            self._next = 0.0
        delay = self._next
        self._next = min(max(self.first, 2 * delay), self.bound)
        return delay


class Supervisor:
    """Keeps one worker alive for each socket.

    `command` starts a worker, in `environment` with one more variable. `announce` is called once
    with the URL, when all workers listen. Workers have `grace` seconds to drain. `on_exit` is
    called with the pid of each worker that has ended.
    """

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        sockets: Sequence[socket.socket],
        *,
        grace: float,
        announce: Callable[[str], None],
        on_exit: Callable[[int], object] = lambda pid: None,
    ) -> None:
        self._command = command
        self._environment = environment
        self._sockets = sockets
        self._grace = grace
        self._announce = announce
        self._on_exit = on_exit
        self._starting = set(range(len(sockets)))
        self._alive: dict[Process, socket.socket] = {}
        self._stopping = asyncio.Event()
        self._steps = iter((self._drain, self._abort))

    async def run(self) -> None:
        """Start the workers; return when all have ended after `stop`."""
        async with asyncio.TaskGroup() as slots:
            for slot in range(len(self._sockets)):
                slots.create_task(self._keep_alive(slot))

    def stop(self) -> None:
        """Drain the workers; the second call aborts them, and the third one, or a time limit,
        kills them."""
        next(self._steps, self._kill)()

    def _drain(self) -> None:
        self._stopping.set()
        # While they are open, the kernel queues connections that no process will accept.
        for sock in self._sockets:
            sock.close()
        self._send(signal.SIGTERM)
        asyncio.get_running_loop().call_later(self._grace + MARGIN, self._kill)

    def _abort(self) -> None:
        # Not by a signal, because workers may get one from elsewhere. Not by SIGKILL yet: the
        # kernel would send a FIN on their connections, which signals completion to some clients.
        for lifeline in self._alive.values():
            with contextlib.suppress(OSError):
                lifeline.send(b"!")
        asyncio.get_running_loop().call_later(MARGIN, self._kill)

    def _kill(self) -> None:
        self._send(signal.SIGKILL)

    def _send(self, number: signal.Signals) -> None:
        for process in self._alive:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(number)

    async def _keep_alive(self, slot: int) -> None:
        clock = asyncio.get_running_loop().time
        backoff = Backoff()
        while not self._stopping.is_set():
            born = clock()
            end = await self._live(slot)
            if self._stopping.is_set():
                break
            delay = backoff.delay(clock() - born)
            when = f"in {delay:g} s" if delay else "now"
            logger.error("worker %d %s; another starts %s", slot + 1, end, when)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), delay)

    async def _live(self, slot: int) -> str:
        """One worker, from its start to its end, which is returned in words."""
        with contextlib.ExitStack() as ours:
            try:
                lifeline, theirs = map(ours.enter_context, socket.socketpair())
                lifeline.setblocking(False)
                with theirs:
                    process = await self._start(self._sockets[slot], theirs)
            except OSError as error:
                return f"cannot start: {error}"
            self._alive[process] = lifeline
            if self._stopping.is_set():  # since the worker began to start
                process.terminate()
            await self._listening(slot, process, lifeline)
            status = await process.wait()
            del self._alive[process]
            self._on_exit(process.pid)
        return f"(pid {process.pid}) {_in_words(status)}"

    async def _start(self, sock: socket.socket, lifeline: socket.socket) -> Process:
        inherited = (sock.fileno(), lifeline.fileno())
        return await asyncio.create_subprocess_exec(
            *self._command,
            env={**self._environment, VARIABLE: "{} {}".format(*inherited)},
            pass_fds=inherited,
        )

    async def _listening(self, slot: int, process: Process, lifeline: socket.socket) -> None:
        url = b""
        with contextlib.suppress(ConnectionError):  # it died before it read the order to abort
            url = await asyncio.get_running_loop().sock_recv(lifeline, 4096)
        if not url:
            return
        logger.info("worker %d (pid %d) listens", slot + 1, process.pid)
        if slot in self._starting:
            self._starting.remove(slot)
            if not self._starting:
                self._announce(url.decode())


def _in_words(status: int) -> str:
    if status < 0:
        return f"was killed by signal {-status} ({signal.strsignal(-status)})"
    return f"ended with exit status {status}"
