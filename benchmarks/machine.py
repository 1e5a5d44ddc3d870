"""CPU time, memory and cores of processes, from Linux.

CPU time is that of the scheduler (`schedstat`, nanoseconds), not of clock ticks (10 ms), summed
over all threads of all processes of a server: granian works in Rust threads, node collects garbage
in others, hypercorn and nginx work in a child. It includes the time inside system calls.
"""

import os
import platform
import resource
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

PAGE_KIB = os.sysconf("SC_PAGE_SIZE") // 1024


def is_supported() -> bool:
    """Return whether this system has the accounting of CPU time."""
    try:
        return int(Path("/proc/self/schedstat").read_text().split()[0]) > 0
    except (OSError, ValueError):
        return False


def family(pid: int) -> list[int]:
    """Return `pid` and its running descendants."""
    members = [pid]
    for member in members:
        for children in Path(f"/proc/{member}/task").glob("*/children"):
            members += map(int, children.read_text().split())
    return members


def cpu_ns(pids: list[int]) -> int:
    """Return the nanoseconds that all threads of `pids` have run on a core."""
    total = 0
    for pid in pids:
        for thread in Path(f"/proc/{pid}/task").glob("*/schedstat"):
            with suppress(FileNotFoundError, ProcessLookupError):  # It ended just now.
                total += int(thread.read_text().split()[0])
    return total


def resident_kib(pids: list[int]) -> int:
    """Return the resident memory of `pids` in KiB. Buffers in the kernel are not part of it."""
    return sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE_KIB for pid in pids)


def available_kib() -> int:
    """Return the memory that is available without swapping, in KiB."""
    lines = Path("/proc/meminfo").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("MemAvailable"))


class Cores(NamedTuple):
    """The core of each; None is any."""

    server: int | None = None
    client: int | None = None
    upstream: int | None = None


def cores() -> Cores:
    """Return a core for each; of two, the upstream shares the client's; one serves all."""
    usable = sorted(os.sched_getaffinity(0))
    return Cores(usable[0], usable[1], usable[min(2, len(usable) - 1)]) if usable[1:] else Cores()


@contextmanager
def pinned(core: int | None) -> Iterator[None]:
    """Keep this process, and processes that it starts in the block, on one core."""
    before = os.sched_getaffinity(0)
    if core is not None:
        os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def allow_descriptors(wanted: int) -> int:
    """Raise the soft limit of open files towards `wanted`; return the new limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return wanted
    limit = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    return limit


def describe() -> dict[str, str]:
    """Describe what of this machine affects the figures."""
    usable = len(os.sched_getaffinity(0))
    return {
        "python": platform.python_version(),
        "kernel": platform.release(),
        "processor": _processor(),
        "cores": f"{usable}, server and client each on its own"
        if usable > 1
        else "1, shared by server and client: read the CPU figures, not the latencies",
        "load": " ".join(f"{load:.2f}" for load in os.getloadavg()),
    }


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
