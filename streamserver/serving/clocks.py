"""Clocks of a thread and of the process, for `serving.health`."""

import gc
import os
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress

from streamserver.serving.health import Reading


class Queue:
    """How long the thread that makes this has been ready to run without a CPU, for any thread.

    Linux counts it (Documentation/scheduler/sched-stats.rst); elsewhere it is 0.
    """

    def __init__(self) -> None:
        self._descriptor = -1
        with suppress(OSError):
            self._descriptor = os.open("/proc/thread-self/schedstat", os.O_RDONLY | os.O_CLOEXEC)

    def read(self) -> float:
        """Seconds."""
        if self._descriptor < 0:
            return 0.0
        return int(os.pread(self._descriptor, 100, 0).split()[1]) / 1e9

    def close(self) -> None:
        """Read no more."""
        if self._descriptor >= 0:
            os.close(self._descriptor)


class Clocks:
    """The clocks of a reading, about the thread that makes this, for any thread."""

    def __init__(self) -> None:
        self._cpu = _cpu_clock()
        self._collecting = 0.0
        self._collected_from = 0.0
        gc.callbacks.append(self._on_collection)

    def read(self) -> Reading:
        """The times now; the interpreter's lock is not released between the readings."""
        return Reading(time.monotonic(), self._cpu(), self._collecting)

    def close(self) -> None:
        """Count no more collections."""
        gc.callbacks.remove(self._on_collection)

    def _on_collection(self, phase: str, info: Mapping[str, int]) -> None:
        if phase == "start":
            self._collected_from = time.monotonic()
        else:
            self._collecting += time.monotonic() - self._collected_from


def _cpu_clock() -> Callable[[], float]:
    """Reads the CPU time of the current thread, in any thread; that of the process on macOS."""
    if not hasattr(time, "pthread_getcpuclockid"):
        return time.process_time
    clock = time.pthread_getcpuclockid(threading.get_ident())
    return lambda: time.clock_gettime(clock)
