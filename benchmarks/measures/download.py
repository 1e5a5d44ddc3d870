"""A large download beside nginx with sendfile: throughput, and the CPU time of the server.

The file is sparse and read once before, so that it comes from memory. The client copies every byte
into one buffer, as real clients do, and may limit the throughput; then compare the CPU time.
"""

import statistics
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks import client, machine
from benchmarks.peer import Contender
from benchmarks.peers import NGINX
from benchmarks.plan import Plan
from benchmarks.process import Server
from benchmarks.report import Column, Ratio, Result, Row
from benchmarks.turns import in_turns, ratio, together

GIB = 1 << 30
MIB = 1 << 20
COLUMNS = (
    Column("server", "server"),
    Column("loop", "loop"),
    Column("mib_per_second", "MiB/s"),
    Ratio("to_nginx", "x nginx", 2, of="mib_per_second", to=NGINX.name, more=True),
    Column("cpu_ms_per_gib", "CPU ms/GiB"),
)
_buffer = memoryview(bytearray(MIB))


@dataclass(frozen=True, slots=True)
class Block:
    """The figures of one server in one round."""

    mib_per_second: float
    cpu_ms_per_gib: float


def measure(plan: Plan) -> Iterator[Result]:
    """Yield a table for each loop."""
    size = 64 * MIB if plan.quick else GIB
    for loop in plan.loops:
        with _file(size) as path:
            contenders = plan.contenders(loop, "file")
            prove = partial(_download, size=size)
            with together(contenders, prove, {"BENCH_FILE": str(path)}) as lineup:
                blocks = in_turns(lineup, plan.rounds, partial(_block, size=size))
        yield Result(
            f"download/{loop}",
            f"A download of {size // MIB:,} MiB, {loop}",
            COLUMNS,
            _rows(blocks, loop),
            lineup.absent,
        )


@contextmanager
def _file(size: int) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="streamserver-benchmarks-") as directory:
        path = Path(directory) / "download.bin"
        with path.open("wb+") as file:
            file.truncate(size)
            while file.readinto(_buffer):
                pass
        yield path


def _download(port: int, size: int) -> int:
    core = machine.cores().client
    with client.Connection(port) as connection, machine.pinned(core):
        return connection.download(size, _buffer)


def _block(_: Contender, server: Server, size: int) -> Block:
    cpu = server.cpu_ns()
    elapsed = _download(server.port, size)
    cpu = server.cpu_ns() - cpu
    return Block(size / MIB / elapsed * 1e9, cpu / 1e6 * GIB / size)


def _rows(blocks: dict[Contender, list[Block]], loop: str) -> list[Row]:
    rates = {contender: [b.mib_per_second for b in own] for contender, own in blocks.items()}
    nginx = Contender(NGINX, loop, "file")
    return [
        {
            "server": contender.peer.name,
            "loop": contender.peer.runs_on(loop),
            "mib_per_second": statistics.median(rates[contender]),
            "to_nginx": ratio(rates[contender], rates.get(nginx)),
            "cpu_ms_per_gib": statistics.median(block.cpu_ms_per_gib for block in own),
        }
        for contender, own in blocks.items()
    ]
