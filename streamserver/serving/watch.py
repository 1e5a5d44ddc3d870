"""A thread that watches the event loop of its server: `serving.health` with real clocks."""

import asyncio
import logging
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from streamserver.server.observer import Observer
from streamserver.serving.clocks import Clocks, Queue
from streamserver.serving.health import Block, Health, Reports
from streamserver.serving.stacks import Stack, frame_of, is_waiting, read_stack

logger = logging.getLogger("streamserver")

FLUSH_EVERY = 1.0
"""Seconds until the observer is called with the delays."""

_COLLECTOR = "the garbage collector"
_UNKNOWN = "an unknown callback"
"""The name of a callback without a frame: it is written in C, or ran only between two looks."""


@contextmanager
def watched(observer: Observer | None) -> Iterator[None]:
    """Log while inside what blocks the running loop, and call `observer` with its delays."""
    watch = _Watch(asyncio.get_running_loop(), observer)
    watch.start()
    try:
        yield
    finally:
        watch.close()


class _Watch:
    """Made and closed in the thread of the loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, observer: Observer | None) -> None:
        self._loop = loop
        self._observer = observer
        self._clocks = Clocks()
        self._queue = Queue()
        self._watched = threading.get_ident()
        self._health: Health[Stack] = Health(self._clocks.read(), self._queue.read())
        self._reports = Reports()
        self._answer: float | None = None
        self._idle_since = -1.0  # in CPU time
        # Held while the watch lasts. To wait for a lock costs less than for an Event.
        self._closing = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="loop-health", daemon=True)

    def start(self) -> None:
        self._closing.acquire()
        self._thread.start()

    def close(self) -> None:
        self._closing.release()
        self._thread.join()
        self._clocks.close()
        self._queue.close()

    def _run(self) -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())  # they are the loop's
        flush_at = time.monotonic() + FLUSH_EVERY
        while not self._closing.acquire(timeout=self._health.interval):
            now = self._look()
            if now >= flush_at:
                flush_at = now + FLUSH_EVERY
                self._flush()
        if self._answer is not None:
            self._look()
        self._flush()

    def _look(self) -> float:
        """Look once; the time."""
        reading, health = self._clocks.read(), self._health
        health.on_look(reading)
        if reading.cpu == self._idle_since and health.on_waiting():
            return reading.now  # the loop has not left its selector
        # Nothing releases the interpreter's lock until the queue is read: a callback that held it
        # until now is still where it was, and the loop has not called back.
        frame = frame_of(self._watched)
        waits, answer = is_waiting(frame), self._answer
        self._idle_since = reading.cpu if waits else -1.0
        if waits and health.on_waiting():
            return reading.now
        stack = None
        if not waits and health.is_suspected:
            stack = read_stack(frame)
        queued = self._queue.read()
        if answer is not None:
            self._answer = None
            self._report(health.on_answer(answer, queued))
            if waits:
                health.on_waiting()
                return reading.now
        is_new = not health.is_asked
        if is_new:
            health.ask(queued, stack.since if stack is not None else 0.0)
        if stack is not None:
            health.sample(stack.identity, stack)
        if is_new:
            with suppress(RuntimeError):  # the loop is closed
                self._loop.call_soon_threadsafe(self._on_call)
        else:
            self._report(health.on_silence(queued, stack is not None and stack.is_debugged))
        return reading.now

    def _on_call(self) -> None:
        """Called by the loop."""
        self._answer = time.monotonic()

    def _report(self, block: Block[Stack] | None) -> None:
        if block is None:
            return
        stack = block.stack
        who = _COLLECTOR if block.by_collector else stack.title if stack else _UNKNOWN
        missed = self._reports.count(stack.identity if stack else who, time.monotonic())
        if missed is not None:
            logger.warning(
                "%s %s the event loop for %s%s%s",
                who,
                "blocked" if block.is_over else "blocks",
                f"{block.seconds * 1000:.0f} ms" if block.seconds < 1 else f"{block.seconds:.1f} s",
                f" at {stack.line()}" if stack else "",
                f"; {missed} times more since the last report" if missed else "",
                extra={"stack": stack.text()} if stack else None,
            )

    def _flush(self) -> None:
        delays, self._health.delays = self._health.delays, []
        if self._observer is not None and delays:
            self._observer.loop_delays(delays)
