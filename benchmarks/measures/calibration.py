"""The load up to which one process of our client measures correctly, and its errors there.

Streams of 100 events a second, from the commanded times to those that the client measured; client
and target have a core each.
"""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from functools import partial

from benchmarks import client, machine
from benchmarks.client import WrongAnswer
from benchmarks.measures.lateness import TARGETS
from benchmarks.peer import Contender
from benchmarks.plan import Plan
from benchmarks.process import ROOT, Server
from benchmarks.report import Column, Result, Row
from benchmarks.turns import in_turns, percentile, together
from streamserver.lab.calibration import Tolerance
from streamserver.lab.calibration import measure as measure_level
from streamserver.lab.pauses import avoid_pauses
from streamserver.lab.report.histograms import ms

RATE, SECONDS = 100, 3
STREAMS = (100, 300, 400, 500)
COLUMNS = (
    Column("streams", "streams x events/s"),
    Column("loop", "loop"),
    Column("first_median", "first event late, ms", 2),
    Column("first_p99", "p99", 2),
    Column("valid", "valid rounds"),
    Column("errors", "else"),
    Column("cpu", "CPU µs/event", 1),
)


def measure(plan: Plan) -> Iterator[Result]:
    """Yield one table."""
    machine.allow_descriptors(2 * STREAMS[-1])
    blocks: dict[tuple[int, str], list[dict[str, float | str]]] = {}
    absent: dict[str, str] = {}
    for loop in plan.loops:
        with together([Contender(TARGETS[0], loop, "target")], client.is_listening) as lineup:
            for _ in range(plan.fewest_rounds):
                for streams in STREAMS[:2] if plan.quick else STREAMS:
                    read = partial(_read, streams=streams, loop=loop)
                    for some in in_turns(lineup, 1, read).values():
                        blocks.setdefault((streams, loop), []).extend(some)
        absent |= lineup.absent
    rows = [_row(streams, loop, some) for (streams, loop), some in blocks.items()]
    title = "The errors of our client at a commanded load, one process"
    yield Result("calibration", title, COLUMNS, rows, absent)


def _read(_turn: Contender, server: Server, streams: int, loop: str) -> dict[str, float | str]:
    url = f"http://{client.HOST}:{server.port}"
    command = [sys.executable, "-m", "benchmarks.measures.calibration", url, f"{streams}", loop]
    with machine.pinned(machine.cores().client):
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise WrongAnswer(done.stderr.strip().splitlines()[-1])
    found: dict[str, float | str] = json.loads(done.stdout)
    return found


def _row(streams: int, loop: str, blocks: Sequence[dict[str, float | str]]) -> Row:
    def median(name: str) -> float:
        return percentile([float(block[name]) for block in blocks], 50)

    errors = [str(block["errors"]) for block in blocks if block["errors"]]
    return {
        "streams": f"{streams} x {RATE}",
        "loop": loop,
        "first_median": median("p50"),
        "first_p99": median("p99"),
        "valid": f"{len(blocks) - len(errors)} of {len(blocks)}",
        "errors": errors[0] if errors else "",
        "cpu": median("cpu"),
    }


async def _print_level(url: str, streams: int) -> None:
    avoid_pauses()
    before = sum(os.times()[:2])
    level = await measure_level(url, streams, RATE, SECONDS)
    cpu = (sum(os.times()[:2]) - before) * 1e6 / max(level.events, 1)
    first = level.first_excess
    members = {"p50": ms(first, 50), "p99": ms(first, 99), "cpu": cpu}
    print(json.dumps(members | {"errors": ", ".join(level.errors(Tolerance()))}))


if __name__ == "__main__":
    from streamserver.cli.loops import loop_factory

    with asyncio.Runner(loop_factory=loop_factory(sys.argv[3])) as runner:
        runner.run(_print_level(sys.argv[1], int(sys.argv[2])))
