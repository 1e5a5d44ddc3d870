"""What a stream costs: the memory of all processes and of the kernel, and the CPU time of an
event."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Self

from benchmarks.crowding import accounts
from benchmarks.crowding.accounts import CPU, Machine, Memory
from benchmarks.report import Column, Result, Row

KERNEL = "kernel objects, both ends"
BUFFERS = "buffers of sockets, both ends"
_MEMORY = (
    Column("part", "memory"),
    Column("kib", "grown, KiB/stream", 2),
    Column("mib", "grown, MiB"),
    Column("pss", "in all, unshared, MiB"),
)
_CPU = (
    Column("part", "CPU time"),
    Column("user", "program, µs", 2),
    Column("system", "kernel, µs", 2),
    Column("share", "% of all cores", 1),
)


@dataclass(frozen=True, slots=True)
class Costs:
    """What every part has used up to a moment, in seconds and KiB."""

    at: float
    machine: Machine
    cpu: Mapping[str, CPU]
    memory: Mapping[str, Memory]
    kernel: Mapping[str, float]

    @classmethod
    def now(cls, parts: Mapping[str, Sequence[int]]) -> Self:
        """Return what the processes of each part have used, by its name."""
        return cls(
            monotonic(),
            accounts.machine(),
            {name: accounts.cpu(pids) for name, pids in parts.items()},
            {name: accounts.memory(pids) for name, pids in parts.items()},
            {KERNEL: accounts.slab_kib(), BUFFERS: accounts.sockets_kib()},
        )


def memory_table(before: Costs, after: Costs, streams: int) -> Result:
    """Return what so many streams take that were opened between two moments.

    A process fills first what its heap has free since its start, so it grows by less than it uses.
    """
    grown: dict[str, float] = {}
    for name, memory in after.memory.items():
        grown[name] = memory.rss - before.memory[name].rss
    for name, kib in after.kernel.items():
        grown[name] = kib - before.kernel[name]
    rows: list[Row] = [
        {
            "part": name,
            "kib": kib / streams,
            "mib": kib / 1024,
            "pss": after.memory[name].pss / 1024 if name in after.memory else None,
        }
        for name, kib in grown.items()
    ]
    return Result("crowd/memory", f"The memory of {streams:,} streams", _MEMORY, rows)


def cpu_table(name: str, what: str, before: Costs, after: Costs, count: int) -> Result:
    """Return the CPU time between two moments of each of `count` things, which are `what`.

    The title names the part that takes the most, and so is the bound if the cores are busy.
    """
    available = (after.at - before.at) * (os.cpu_count() or 1)
    used = {
        part: CPU(cpu.user - before.cpu[part].user, cpu.system - before.cpu[part].system)
        for part, cpu in after.cpu.items()
    }
    busy = after.machine.busy - before.machine.busy
    interrupts = after.machine.interrupts - before.machine.interrupts
    others = max(busy - interrupts - sum([sum(cpu) for cpu in used.values()]), 0.0)
    rows: list[Row] = [
        _cpu_row(part, cpu.user, cpu.system, count, available) for part, cpu in used.items()
    ]
    rows.append(_cpu_row("interrupts", None, interrupts, count, available))
    rows.append({"part": "other programs", "user": None, "system": None})
    rows[-1]["share"] = others / available * 100
    apart = {f"the programs of the {part}": cpu.user for part, cpu in used.items()}
    apart |= {f"system calls of the {part}": cpu.system for part, cpu in used.items()}
    most = max(apart, key=lambda part: apart[part])
    share = apart[most] / busy if busy else 0.0
    title = f"The CPU time of {what}: the cores were {busy / available:.0%} busy, "
    return Result(f"crowd/{name}", f"{title}{share:.0%} of that in {most}", _CPU, rows)


def _cpu_row(part: str, user: float | None, system: float, count: int, available: float) -> Row:
    return {
        "part": part,
        "user": None if user is None else user / count * 1e6,
        "system": system / count * 1e6,
        "share": ((user or 0.0) + system) / available * 100,
    }
