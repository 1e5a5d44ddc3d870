"""One event to 19,000 readers of one process: the time until all have it, CPU and memory.

Each server has its own readers in its own client process, and all stay open during the rounds. The
time runs from the publishing request to the arrival in the kernel of the last reader. The floor is
a loop that writes prepared bytes to raw transports. See `readers` for how the client stays cheap;
the title names the time it needs for an event that has arrived long before.

Memory is the growth of the process with all readers open, before the first event.
"""

import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from benchmarks import machine
from benchmarks.measures.memory import SPARE
from benchmarks.peer import Contender
from benchmarks.peers import FLOOR
from benchmarks.plan import Plan
from benchmarks.process import Server
from benchmarks.readers import SETTLE, ReaderProcess, Readers
from benchmarks.report import Column, Ratio, Result, Row
from benchmarks.turns import Lineup, in_turns, percentile, ratio, together

READERS = 19_000
COLUMNS = (
    Column("server", "server"),
    Column("loop", "loop"),
    Column("everyone", "everyone, ms", 1),
    Ratio("to_floor", "x floor", 2, of="everyone", to=FLOOR.name),
    Column("median", "median, ms", 1),
    Column("p99", "p99, ms", 1),
    Column("cpu", "CPU µs/reader", 2),
    Ratio("cpu_to_floor", "x floor", 2, of="cpu", to=FLOOR.name),
    Column("kib", "KiB/reader", 1),
)


@dataclass(frozen=True, slots=True)
class Block:
    """One event: the milliseconds to each reader in order, and CPU microseconds per reader."""

    delays: Sequence[float]
    cpu: float

    @property
    def everyone(self) -> float:
        """The milliseconds to the last reader."""
        return self.delays[-1]


def measure(plan: Plan) -> Iterator[Result]:
    """Yield a table for each loop."""
    readers = 2_000 if plan.quick else READERS
    readers = min(readers, machine.allow_descriptors(readers + SPARE) - SPARE)
    for loop in plan.loops:
        yield _measure(plan, loop, readers)


class Crowds:
    """The readers of each server, so many, in a client process of its own.

    `codings` are the content codings that they accept, by the server's work. The processes end
    with `stack`.
    """

    def __init__(self, readers: int, stack: ExitStack, codings: Mapping[str, str] = {}) -> None:
        self._readers, self._stack, self._codings = readers, stack, codings
        self._crowds: dict[Contender, ReaderProcess] = {}

    def fill(self, contender: Contender, server: Server) -> float:
        """Open the readers of a server; return the resident KiB of each."""
        core, coding = machine.cores().client, self._codings.get(contender.work, "")
        crowd = ReaderProcess(server.port, len(self._crowds), core=core, coding=coding)
        self._crowds[contender] = self._stack.enter_context(crowd)
        before = server.resident_kib()
        crowd.open(self._readers).result()
        time.sleep(SETTLE)
        return (server.resident_kib() - before) / self._readers

    def publish(self, contender: Contender, server: Server) -> Block:
        """Publish an event, and wait until all readers of the server have it."""
        cpu = server.cpu_ns()
        delays = self._crowds[contender].deliver().result()
        cpu = server.cpu_ns() - cpu
        return Block([ns / 1e6 for ns in delays], cpu / 1000 / self._readers)

    def alone(self, contender: Contender, _turn: Server) -> float:
        """Return the milliseconds that the client takes for an event that has arrived before."""
        return self._crowds[contender].alone().result() / 1e6


def _measure(plan: Plan, loop: str, readers: int) -> Result:
    with ExitStack() as stack:
        lineup = stack.enter_context(together(plan.contenders(loop, "fanout"), prove))
        crowds = Crowds(readers, stack)
        memory, blocks = deliver(plan, lineup, crowds)
        by_itself = in_turns(lineup, 1, crowds.alone)
    floor = by_itself.get(Contender(FLOOR, loop, "fanout"), [0.0])[0]
    return Result(
        f"fanout/{loop}",
        f"One event to {readers:,} readers, {loop} (the client alone takes {floor:.1f} ms)",
        COLUMNS,
        _rows(blocks, memory, loop),
        lineup.absent,
    )


def deliver(
    plan: Plan, lineup: Lineup, crowds: Crowds
) -> tuple[dict[Contender, float], dict[Contender, list[Block]]]:
    """Return the resident KiB of a reader of each server, and its events in all rounds."""
    memory = {contender: kib for contender, [kib] in in_turns(lineup, 1, crowds.fill).items()}
    in_turns(lineup, 1, crowds.publish)  # The first event warms up.
    return memory, in_turns(lineup, plan.few_rounds, crowds.publish)


def prove(port: int, readers: int = 2) -> None:
    """Check that all readers receive two events, each once and whole."""
    with Readers(port) as crowd:
        crowd.open(readers)
        crowd.deliver(publishes=True)
        crowd.deliver(publishes=True)


def row(contender: Contender, loop: str, blocks: Sequence[Block], kib: float) -> Row:
    """The figures of a server over all events, without ratios."""
    delays = [delay for block in blocks for delay in block.delays]
    return {
        "server": contender.peer.name,
        "loop": contender.peer.runs_on(loop),
        "everyone": statistics.median(block.everyone for block in blocks),
        "median": percentile(delays, 50),
        "p99": percentile(delays, 99),
        "cpu": statistics.median(block.cpu for block in blocks),
        "kib": kib,
    }


def _rows(
    blocks: Mapping[Contender, Sequence[Block]], memory: Mapping[Contender, float], loop: str
) -> list[Row]:
    everyone = {contender: [b.everyone for b in own] for contender, own in blocks.items()}
    cpu = {contender: [b.cpu for b in own] for contender, own in blocks.items()}
    floor = Contender(FLOOR, loop, "fanout")
    return [
        {
            **row(contender, loop, blocks[contender], memory[contender]),
            "to_floor": ratio(everyone[contender], everyone.get(floor)),
            "cpu_to_floor": ratio(cpu[contender], cpu.get(floor)),
        }
        for contender in sorted(blocks, key=lambda each: statistics.median(everyone[each]))
    ]
