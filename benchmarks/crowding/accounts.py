"""What processes and the kernel use: memory, and CPU time apart for programs and system calls."""

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

TICK = os.sysconf("SC_CLK_TCK")
PAGE_KIB = os.sysconf("SC_PAGE_SIZE") / 1024


class CPU(NamedTuple):
    """Seconds of CPU time."""

    user: float
    system: float
    """In system calls, without the interrupts in them where the kernel counts those apart."""


class Memory(NamedTuple):
    """Memory in KiB."""

    rss: float
    """Resident, in which pages of several processes count for each of them."""
    pss: float
    """Resident, in which they count once."""


class Machine(NamedTuple):
    """Seconds of CPU time of all cores since the system was started."""

    busy: float
    interrupts: float
    """The part of `busy` that belongs to no process."""
    idle: float


def cpu(pids: Sequence[int]) -> CPU:
    """Return the CPU time of processes; one that has ended does not count."""
    user = system = 0
    for pid in pids:
        with suppress(FileNotFoundError, ProcessLookupError):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            user += int(fields[11])
            system += int(fields[12])
    return CPU(user / TICK, system / TICK)


def machine() -> Machine:
    """Return the CPU time of the machine."""
    fields = Path("/proc/stat").read_text().partition("\n")[0].split()[1:8]
    user, nice, system, idle, iowait, irq, softirq = (int(each) / TICK for each in fields)
    interrupts = irq + softirq
    return Machine(user + nice + system + interrupts, interrupts, idle + iowait)


def memory(pids: Sequence[int]) -> Memory:
    """Return the memory of processes."""
    found = [_numbers(f"/proc/{pid}/smaps_rollup") for pid in pids]
    return Memory(sum([each["Rss"] for each in found]), sum([each["Pss"] for each in found]))


def slab_kib() -> float:
    """Return what the kernel has allocated for its own objects, sockets among them."""
    return _numbers("/proc/meminfo")["Slab"]


def sockets_kib() -> float:
    """Return the buffers of all TCP sockets."""
    [line] = [
        line.split()
        for line in Path("/proc/net/sockstat").read_text().splitlines()
        if line.startswith("TCP:")
    ]
    return int(line[line.index("mem") + 1]) * PAGE_KIB


def _numbers(path: str) -> Mapping[str, float]:
    """The lines `name: number kB` of a file."""
    found = {}
    for line in Path(path).read_text().splitlines():
        name, _, rest = line.partition(":")
        if rest.endswith(" kB"):
            found[name] = float(rest.split()[0])
    return found
