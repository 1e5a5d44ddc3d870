"""The rate and the lateness of the lab's model in the form of each interface.

A thousand streams of 20 tokens a second, on one core. The client counts the events of tokens; the
target reports how late they were.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from benchmarks import client, machine
from benchmarks.endless import EndlessStreams
from benchmarks.measures.lateness import COLUMNS, SECONDS, SPARE, TARGETS, Block, observe, row_of
from benchmarks.peer import Contender
from benchmarks.plan import Plan
from benchmarks.process import Server
from benchmarks.report import Column, Result, Row
from benchmarks.turns import in_turns, together
from streamserver.wire.json_text import to_json

STREAMS, RATE = 1000, 20
MESSAGES = [{"role": "user", "content": "How does a stream reach its reader?"}]


@dataclass(frozen=True, slots=True)
class Shape:
    """An interface: its path, its request, and what occurs once in each event of a token."""

    path: str
    members: dict[str, Any]
    mark: bytes


SHAPES = (
    Shape("/v1/chat/completions", {"messages": MESSAGES}, b'"delta":{"content":'),
    Shape("/v1/completions", {"prompt": "A stream"}, b'"text":'),
    Shape("/v1/responses", {"input": "A stream"}, b"event: response.output_text.delta"),
    Shape("/v1/messages", {"messages": MESSAGES, "max_tokens": 30_000}, b'"text_delta"'),
    Shape("/api/chat", {"messages": MESSAGES}, b'"done":false'),
    Shape("/api/generate", {"prompt": "A stream"}, b'"done":false'),
)


def measure(plan: Plan) -> Iterator[Result]:
    """Yield one table."""
    machine.allow_descriptors(STREAMS + SPARE)
    rows: list[Row] = []
    absent: dict[str, str] = {}
    for loop in plan.loops:
        with together([Contender(TARGETS[0], loop, "target")], client.is_listening) as lineup:
            for shape in SHAPES:
                block = partial(_block, shape=shape, quick=plan.quick)
                for contender, blocks in in_turns(lineup, plan.fewest_rounds, block).items():
                    row = row_of(contender, loop, f"{STREAMS:,} x {RATE}", blocks)
                    rows.append(row | {"target": shape.path})
        absent |= lineup.absent
    columns: Sequence[Column] = (Column("target", "interface"), *COLUMNS[1:])
    yield Result("interfaces", "The lateness of the model's tokens", columns, rows, absent)


def _block(_turn: Contender, server: Server, shape: Shape, quick: bool) -> Block:
    path = f"{shape.path}?tokens={60 * RATE}&tokens_per_second={RATE}&_=".encode()
    members = {"model": "streamserver-demo", "stream": True, **shape.members}
    # A query follows the path as `?n=1`: the parameter without effect takes it.
    crowd = EndlessStreams(server.port, path, STREAMS, shape.mark, to_json(members).encode())
    return observe(server, crowd, STREAMS * RATE, 1.0 if quick else SECONDS)
