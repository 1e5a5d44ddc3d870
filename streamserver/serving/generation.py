"""Workers that were started together: one for each slot, replaced when it dies.

The first generation starts a worker again as often as necessary. A later generation is on trial
until all of its workers listen. If one ends before that, the trial ends: the files are probably
wrong, and an older generation still serves.
"""

import asyncio
import contextlib
import logging
import os
import signal
import socket
from asyncio.subprocess import Process
from collections.abc import Callable, Coroutine, Sequence
from contextlib import ExitStack
from typing import Any, TypeAlias

from streamserver.kit.backoff import Backoff
from streamserver.kit.tasks import cancel
from streamserver.serving.worker import ABORT, PING, PONG, RETIRE, Report

logger = logging.getLogger("streamserver")

MARGIN = 3.0
"""Seconds that a worker gets beyond its grace period, or after an abort, before it is killed."""
SLOW = 10.0
"""Seconds after which a trial is reported that is not over, and another request ends it."""

Sockets: TypeAlias = Sequence[socket.socket]
Start: TypeAlias = Callable[[Sockets, socket.socket], Coroutine[Any, Any, Process]]


class Generation:
    """One worker for each of `slots`, which are the listening sockets that a worker inherits.

    `start` starts one, with these sockets and its end of a lifeline. `on_exit` is called with the
    pid of each that has ended. Workers have `grace` seconds to drain, or what they report.
    """

    def __init__(
        self,
        start: Start,
        slots: Sequence[Sockets],
        *,
        grace: float,
        on_exit: Callable[[int], object],
        on_trial: bool,
    ) -> None:
        self._start = start
        self._slots = slots
        self._on_exit = on_exit
        self._on_trial = on_trial
        self._starting = set(range(len(slots)))
        self._alive: dict[Process, socket.socket] = {}
        self._obeying: set[Process] = set()
        self._stopping = asyncio.Event()
        self._timers: list[asyncio.TimerHandle] = []
        self.report = Report("", grace)
        self.started: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        """Empty when all workers listen, else the reason why they do not."""

    async def run(self) -> None:
        """Start the workers; return when all have ended after `drain`, `retire` or a trial."""
        try:
            async with asyncio.TaskGroup() as slots:
                for slot in range(len(self._slots)):
                    slots.create_task(self._keep_alive(slot))
        finally:
            for timer in self._timers:
                timer.cancel()

    async def trial(self, seconds: float, another: asyncio.Event) -> str:
        """Wait until all workers listen; the reason if one does not within these seconds, or not
        before `another` trial is requested although this one is slow."""
        await asyncio.wait([self.started], timeout=SLOW)
        if not self.started.done() and not another.is_set():
            pids = ", ".join(str(process.pid) for process in {*self._alive} - self._obeying)
            logger.warning(
                "the restart waits: %s (pid %s) did not listen within %g s; it fails in %g s, "
                "or when another one is requested",
                *(self._late(), pids, SLOW, seconds - SLOW),
            )
            requested = asyncio.create_task(another.wait())
            await asyncio.wait(
                (self.started, requested),
                timeout=seconds - SLOW,
                return_when=asyncio.FIRST_COMPLETED,
            )
            await cancel([requested])
        until = "before another restart was requested" if another.is_set() else f"in {seconds:g} s"
        self._settle(f"{self._late()} did not listen {until}")
        return self.started.result()

    def _late(self) -> str:
        return f"worker {', '.join(str(slot + 1) for slot in sorted(self._starting))}"

    def drain(self) -> None:
        """Let the workers end within their grace period, and replace none."""
        self._stop()
        for process in self._alive:
            _send_signal(process, signal.SIGTERM)

    def retire(self) -> None:
        """Like `drain`, while another generation accepts on the same sockets."""
        self._stop()
        for process, lifeline in self._alive.items():
            if process in self._obeying:
                _send_order(lifeline, RETIRE)
            else:
                _send_signal(process, signal.SIGTERM)

    def abort(self) -> None:
        """Order the workers to cut all connections."""
        # Not by a signal, because workers may get one from elsewhere. Not by SIGKILL yet: the
        # kernel would send a FIN on their connections, which signals completion to some clients.
        for lifeline in self._alive.values():
            _send_order(lifeline, ABORT)
        self._kill_after(MARGIN)

    def silent(self) -> list[int]:
        """The pids of the workers that have listened, and whose event loop has not run since the
        last call."""
        found = []
        for process in self._obeying:
            lifeline = self._alive[process]
            try:
                if lifeline.recv(len(PONG)):
                    lifeline.send(PING)
            except BlockingIOError:
                found.append(process.pid)
            except OSError:  # it has ended
                continue
        return found

    def kill(self) -> None:
        """End the workers at once."""
        for process in self._alive:
            _send_signal(process, signal.SIGKILL)

    def _stop(self) -> None:
        if not self._stopping.is_set():
            self._stopping.set()
            self._settle("the server was stopped")
            self._kill_after(self.report.grace + MARGIN)

    def _kill_after(self, seconds: float) -> None:
        self._timers.append(asyncio.get_running_loop().call_later(seconds, self.kill))

    def _settle(self, reason: str = "") -> None:
        if not self.started.done():
            self._on_trial = False
            self.started.set_result(reason)

    async def _keep_alive(self, slot: int) -> None:
        clock = asyncio.get_running_loop().time
        backoff = Backoff()
        while not self._stopping.is_set():
            born = clock()
            end = f"worker {slot + 1} {await self._live(slot)}"
            if self._stopping.is_set():
                break
            if self._on_trial:
                return self._settle(end)
            delay = backoff.delay(clock() - born)
            logger.error("%s; another starts %s", end, f"in {delay:g} s" if delay else "now")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), delay)

    async def _live(self, slot: int) -> str:
        """One worker, from its start to its end, which is returned in words."""
        with ExitStack() as ours:
            try:
                lifeline, theirs = map(ours.enter_context, socket.socketpair())
                lifeline.setblocking(False)
                with theirs:
                    process = await self._start(self._slots[slot], theirs)
            except OSError as error:
                return f"cannot start: {error}"
            self._alive[process] = lifeline
            if self._stopping.is_set():  # since the worker began to start
                _send_signal(process, signal.SIGTERM)
            await self._listening(slot, process, lifeline)
            status = await process.wait()
            del self._alive[process]
            self._obeying.discard(process)
            self._on_exit(process.pid)
        return f"(pid {process.pid}) {_in_words(status)}"

    async def _listening(self, slot: int, process: Process, lifeline: socket.socket) -> None:
        data = b""
        with contextlib.suppress(ConnectionError):  # it died before it read the order to abort
            data = await asyncio.get_running_loop().sock_recv(lifeline, 4096)
        if not data:
            return
        self.report = Report.decode(data)
        self._obeying.add(process)
        _send_order(lifeline, PING)
        logger.info("worker %d (pid %d) listens", slot + 1, process.pid)
        self._starting.discard(slot)
        if not self._starting:
            self._settle()


def _send_order(lifeline: socket.socket, order: bytes) -> None:
    with contextlib.suppress(OSError):  # its worker has ended
        lifeline.send(order)


def _send_signal(process: Process, number: signal.Signals) -> None:
    # Not by the method of `process`: the one of subprocess.Popen behind it may reap the process,
    # and its exit status is lost to asyncio.
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, number)


def _in_words(status: int) -> str:
    if status < 0:
        return f"was killed by signal {-status} ({signal.strsignal(-status)})"
    return f"ended with exit status {status}"
