"""The throughput and latency that our client measures, beside wrk: short responses, ten at once.

wrk is written in C and reads little of a response, so it shows what the server can do. Ours parses
every head and takes the time of every milestone. The figures show up to which rate our client is
not the limit, and whether both report the same latency.
"""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from benchmarks import client, machine
from benchmarks.client import WrongAnswer
from benchmarks.measures.lateness import TARGETS
from benchmarks.peer import Contender
from benchmarks.plan import Plan
from benchmarks.process import ROOT, Server
from benchmarks.report import Column, Result, Row
from benchmarks.turns import in_turns, percentile, together

AT_ONCE = 10
SECONDS = 3
PATH = "/bytes/100?seed=1"
COLUMNS = (
    Column("client", "client"),
    Column("rate", "answers/s"),
    Column("median", "latency p50, ms", 2),
    Column("p99", "p99, ms", 2),
)
_UNITS = {"us": 0.001, "ms": 1.0, "s": 1000.0}


@dataclass(frozen=True, slots=True)
class Block:
    """The figures of one client in one round; latencies in ms."""

    rate: float
    median: float
    p99: float


def measure(plan: Plan) -> Iterator[Result]:
    """Yield one table."""
    wrk = shutil.which("wrk")
    clients: dict[str, Callable[[Contender, Server], Block]] = {"streamserver bench": _ours}
    absent = {}
    if wrk:
        clients["wrk"] = partial(_wrk, program=wrk)
    else:
        absent["wrk"] = "not installed"
    blocks: dict[str, list[Block]] = {name: [] for name in clients}
    contender = Contender(TARGETS[0], plan.loops[-1], "target")
    with together([contender], client.is_listening) as lineup:
        for _ in range(plan.few_rounds):
            for name, read in clients.items():
                for some in in_turns(lineup, 1, read).values():
                    blocks[name] += some
    rows = [_row(name, some) for name, some in blocks.items() if some]
    title = f"Answers of 100 bytes, {AT_ONCE} at once, {plan.loops[-1]}"
    yield Result("client_throughput", title, COLUMNS, rows, absent | lineup.absent)


def _ours(_turn: Contender, server: Server) -> Block:
    url = f"http://{client.HOST}:{server.port}{PATH}"
    command = [sys.executable, "-m", "streamserver", "bench", url, "-c", str(AT_ONCE)]
    output = json.loads(
        _run([*command, "--duration", str(SECONDS), "--json", "-", "--no-progress"])
    )
    if set(output["exchanges"]["ended"]) != {"complete"}:
        raise WrongAnswer(f"not all responses were complete: {output['exchanges']}")
    whole = output["milestones"]["last_byte"]
    return Block(whole["count"] / output["seconds"], whole["p50"], whole["p99"])


def _wrk(_turn: Contender, server: Server, program: str) -> Block:
    url = f"http://{client.HOST}:{server.port}{PATH}"
    output = _run([program, "-t", "1", "-c", str(AT_ONCE), "-d", f"{SECONDS}s", "--latency", url])
    rate = re.search(r"Requests/sec:\s+([\d.]+)", output)
    found = {percent: _latency(output, percent) for percent in (50, 99)}
    if rate is None or "Non-2xx" in output:
        raise WrongAnswer(f"unexpected output of wrk: {output}")
    return Block(float(rate[1]), found[50], found[99])


def _latency(output: str, percent: int) -> float:
    found = re.search(rf"{percent}%\s+([\d.]+)(us|ms|s)", output)
    if found is None:
        raise WrongAnswer(f"unexpected output of wrk: {output}")
    return float(found[1]) * _UNITS[found[2]]


def _run(command: Sequence[str]) -> str:
    with machine.pinned(machine.cores().client):
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout


def _row(name: str, blocks: Sequence[Block]) -> Row:
    return {
        "client": name,
        "rate": percentile([block.rate for block in blocks], 50),
        "median": percentile([block.median for block in blocks], 50),
        "p99": percentile([block.p99 for block in blocks], 50),
    }
