"""An export of a million rows that a handler yields one by one: time to the last byte, and CPU.

A row is a line of CSV, which the handler formats; each is a piece of its own, and the handler never
waits. So a server may join pieces in a write, but the loop must stay responsive meanwhile.
"""

import http.client
import statistics
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from benchmarks import client, machine
from benchmarks.client import HOST, PATIENCE, WrongAnswer
from benchmarks.peer import Contender
from benchmarks.peers import UVICORN_HTTPTOOLS
from benchmarks.plan import Plan
from benchmarks.process import Server
from benchmarks.report import Column, Ratio, Result, Row
from benchmarks.servers.work import ROW, ROW_TYPE
from benchmarks.turns import in_turns, ratio, together

ROWS = 1_000_000
PROVED = 1_000
UVICORN = UVICORN_HTTPTOOLS.name
COLUMNS = (
    Column("server", "server"),
    Column("loop", "loop"),
    Column("seconds", "seconds", 2),
    Ratio("seconds_to_uvicorn", "x uvicorn", 2, of="seconds", to=UVICORN, target=1 / 3),
    Column("cpu", "CPU s", 2),
    Ratio("cpu_to_uvicorn", "x uvicorn", 2, of="cpu", to=UVICORN),
)

_buffer = memoryview(bytearray(256 * 1024))


@dataclass(frozen=True, slots=True)
class Block:
    """The seconds to the last byte and of CPU time of one export."""

    seconds: float
    cpu: float


def measure(plan: Plan) -> Iterator[Result]:
    """Yield a table for each loop."""
    rows = 20_000 if plan.quick else ROWS
    least = sum(len(ROW % (n, n)) for n in range(rows))
    block = partial(_block, rows=rows, least=least)
    for loop in plan.loops:
        with together(plan.contenders(loop, "export"), _prove) as lineup:
            in_turns(lineup, 1, block)
            blocks = in_turns(lineup, plan.rounds, block)
        title = f"An export of {rows:,} rows, each yielded alone, {loop}"
        yield Result(f"export/{loop}", title, COLUMNS, _rows(blocks, loop), lineup.absent)


def _prove(port: int) -> None:
    connection = http.client.HTTPConnection(HOST, port, timeout=PATIENCE)
    connection.request("GET", f"/stream?n={PROVED}")
    response = connection.getresponse()
    got = response.status, response.getheader("content-type"), response.chunked
    if got != (200, ROW_TYPE, True):
        raise WrongAnswer(f"expected 200, {ROW_TYPE}, chunked; got {got}")
    if response.read() != b"".join(ROW % (n, n) for n in range(PROVED)):
        raise WrongAnswer("the rows are not those that were requested")
    connection.close()


def _block(_turn: Contender, server: Server, rows: int, least: int) -> Block:
    with client.Connection(server.port) as connection, machine.pinned(machine.cores().client):
        cpu = server.cpu_ns()
        elapsed = connection.drain(rows, least, _buffer)
        cpu = server.cpu_ns() - cpu
    return Block(elapsed / 1e9, cpu / 1e9)


def _rows(blocks: dict[Contender, list[Block]], loop: str) -> list[Row]:
    seconds = {contender: [block.seconds for block in own] for contender, own in blocks.items()}
    cpu = {contender: [block.cpu for block in own] for contender, own in blocks.items()}
    uvicorn = Contender(UVICORN_HTTPTOOLS, loop, "export")
    return [
        {
            "server": contender.peer.name,
            "loop": contender.peer.runs_on(loop),
            "seconds": statistics.median(seconds[contender]),
            "seconds_to_uvicorn": ratio(seconds[contender], seconds.get(uvicorn)),
            "cpu": statistics.median(cpu[contender]),
            "cpu_to_uvicorn": ratio(cpu[contender], cpu.get(uvicorn)),
        }
        for contender in sorted(blocks, key=lambda one: statistics.median(seconds[one]))
    ]
