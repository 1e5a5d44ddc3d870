"""Several processes on one address, each replaced when it dies, and all of them at a restart.

The supervisor owns the listening sockets and serves nothing itself. Every worker is a new process
of the same command line that inherits its sockets. A replacement thus continues the accept queue
of the worker that died, and no connection that waited there is lost. Workers are not forked,
because a copy of threads and of open connections does not work reliably.

A restart starts a second generation of workers on the same sockets. They read the code, the
configuration and the certificates again. When all of them listen, the older ones stop accepting and
drain. Until then both accept, so no connection is refused or lost. If one of the new workers does
not listen, the new generation ends, and the older one continues unchanged.
"""

import asyncio
import logging
import signal
import socket
from asyncio.subprocess import Process
from collections.abc import Callable, Mapping, Sequence

from streamserver.serving.generation import Generation, Sockets
from streamserver.serving.worker import VARIABLE

logger = logging.getLogger("streamserver")

START = 90.0
"""Seconds that the workers of a restart have to listen, as a unit of systemd has by default."""


class Supervisor:
    """Keeps one worker alive for each of `slots`, the listening sockets of a worker.

    `command` starts a worker, in `environment` with one more variable. `announce` is called once
    with the URL, when all workers listen. Workers have `grace` seconds to drain, or what they
    report. `on_exit` is called with the pid of each worker that has ended, and `on_restarted`
    when a restart is over, with the reason if it failed. `fixed` describes the settings that no
    restart changes; if it differs from what the workers report, that is logged. Without
    `hands_over`, old workers end as at `stop`: no idle connection gets another of their answers.
    `shared`: further descriptors, which all workers inherit.
    """

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        slots: Sequence[Sockets],
        *,
        grace: float,
        announce: Callable[[str], None],
        on_exit: Callable[[int], object] = lambda pid: None,
        on_restarted: Callable[[str], object] = lambda reason: None,
        fixed: str = "",
        hands_over: bool = True,
        shared: Sequence[int] = (),
    ) -> None:
        self._command = command
        self._environment = environment
        self._slots = slots
        self._grace = grace
        self._announce = announce
        self._has_announced = False
        self._on_exit = on_exit
        self._on_restarted = on_restarted
        self._fixed = fixed
        self._hands_over = hands_over
        self._shared = shared
        self._generations: set[Generation] = set()
        self._wake = asyncio.Event()
        self._stopping = False
        self._steps = iter((self._drain, self._abort))

    async def run(self) -> None:
        """Start the workers; return when all have ended after `stop`."""
        async with asyncio.TaskGroup() as tasks:
            current = self._begin(tasks, on_trial=False)
            while True:
                await self._wake.wait()
                self._wake.clear()
                if self._stopping:
                    break
                current = await self._replace(tasks, current)

    def restart(self) -> None:
        """Replace all workers by new ones, without a connection that is refused or lost.

        Calls during a restart cause one more after it; a slow one they end.
        """
        self._wake.set()

    def silent(self) -> list[int]:
        """The pids of workers whose event loop has not run since the last call."""
        return [pid for generation in self._generations for pid in generation.silent()]

    def stop(self) -> None:
        """Drain the workers; the second call aborts them, and the third one, or a time limit,
        kills them."""
        next(self._steps, self._kill)()

    def _drain(self) -> None:
        self._stopping = True
        self._wake.set()
        # While they are open, the kernel queues connections that no process will accept.
        for slot in self._slots:
            for sock in slot:
                sock.close()
        for generation in self._generations:
            generation.drain()

    def _abort(self) -> None:
        for generation in self._generations:
            generation.abort()

    def _kill(self) -> None:
        for generation in self._generations:
            generation.kill()

    def _begin(self, tasks: asyncio.TaskGroup, *, on_trial: bool) -> Generation:
        generation = Generation(
            self._start,
            self._slots,
            grace=self._grace,
            on_exit=self._on_exit,
            on_trial=on_trial,
        )
        self._generations.add(generation)
        generation.started.add_done_callback(lambda started: self._started(generation))
        tasks.create_task(self._run(generation))
        if self._stopping:  # before it was run
            generation.drain()
        return generation

    async def _run(self, generation: Generation) -> None:
        await generation.run()
        self._generations.discard(generation)

    def _started(self, generation: Generation) -> None:
        if not generation.started.result() and not self._has_announced:
            self._has_announced = True
            self._announce(generation.report.url)

    async def _replace(self, tasks: asyncio.TaskGroup, old: Generation) -> Generation:
        """Start another generation, and retire the old one when it listens; which one serves."""
        logger.info("restarting: the present workers serve until new ones listen")
        new = self._begin(tasks, on_trial=True)
        reason = await new.trial(START, self._wake)
        if self._stopping:
            return old
        if reason:
            logger.error("the restart failed, and the workers are unchanged: %s", reason)
            new.drain()
        else:
            logger.info("restarted: new workers accept, and the former ones drain")
            if self._hands_over:
                old.retire()
            else:
                old.drain()
        if not reason and new.report.fixed != self._fixed:
            change = f"{self._fixed} to {new.report.fixed}"
            logger.warning(
                "a restart does not change %s: stop the server and start it again", change
            )
        self._on_restarted(reason)
        return old if reason else new

    async def _start(self, sockets: Sockets, lifeline: socket.socket) -> Process:
        inherited = [sock.fileno() for sock in (*sockets, lifeline)]
        # A worker inherits that SIGINT is blocked, and handles it when it has imported that. At a
        # Ctrl-C, which its terminal sends to all processes, it would log a KeyboardInterrupt.
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
        try:
            return await asyncio.create_subprocess_exec(
                *self._command,
                env={**self._environment, VARIABLE: " ".join(map(str, inherited))},
                pass_fds=(*inherited, *self._shared),
            )
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
