"""Rounds: all servers of a group keep running, and are measured in blocks, round by round.

Clocks, caches and neighbours of a machine change within minutes. With short blocks in a new order
each round, a change affects all servers alike.
"""

import gc
import random
import signal
import statistics
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.client import HTTPException
from typing import TypeVar

from benchmarks import machine
from benchmarks.client import WrongAnswer
from benchmarks.peer import Contender
from benchmarks.process import DidNotStart, Server, running

TURN = 60
"""Seconds for the start of a server, and for each block. The slowest needs about ten."""

SEED = 58
"""The order of blocks is random, but the same in every run."""

Block = TypeVar("Block")


@dataclass(slots=True)
class Lineup:
    """The contenders that run, and the reasons why others do not."""

    servers: dict[Contender, Server] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)

    def retire(self, contender: Contender, reason: Exception) -> None:
        """Remove a contender that failed while it was measured; its figures are incomplete."""
        del self.servers[contender]
        self.absent[contender.peer.name] = f"failed: {reason!r}"


@contextmanager
def together(
    contenders: Iterable[Contender],
    prove: Callable[[int], object],
    environment: Mapping[str, str] | None = None,
    *,
    spread: bool = False,
) -> Iterator[Lineup]:
    """Keep all contenders that can run running for the length of the block.

    They run on the servers' core, or with `spread` on all cores.
    """
    core = None if spread else machine.cores().server
    lineup = Lineup()
    with ExitStack() as stack:
        for contender in contenders:
            peer = contender.peer
            if missing := peer.missing(contender.loop):
                lineup.absent[peer.name] = f"not installed ({', '.join(missing)})"
                continue
            try:
                with _limited():
                    served = running(contender, prove, environment, core=core)
                    server = stack.enter_context(served)
            except (DidNotStart, WrongAnswer, HTTPException, OSError) as reason:
                lineup.absent[peer.name] = f"did not run: {reason}"
            else:
                lineup.servers[contender] = server
        yield lineup


def in_turns(
    lineup: Lineup, rounds: int, measure: Callable[[Contender, Server], Block]
) -> dict[Contender, list[Block]]:
    """Measure every server once per round; return the blocks of each in the order of the rounds."""
    order = list(lineup.servers)
    blocks: dict[Contender, list[Block]] = {contender: [] for contender in order}
    shuffle = random.Random(SEED).shuffle
    for _ in range(rounds):
        shuffle(order)
        for contender in [contender for contender in order if contender in lineup.servers]:
            try:
                with _limited(), _without_collector():
                    blocks[contender].append(measure(contender, lineup.servers[contender]))
            except (WrongAnswer, OSError) as reason:
                lineup.retire(contender, reason)
    return {contender: blocks[contender] for contender in lineup.servers}


@contextmanager
def _limited() -> Iterator[None]:
    """Interrupt a start or a block after `TURN` seconds."""

    def too_long(*_: object) -> None:
        raise WrongAnswer(f"not done within {TURN} s")

    signal.signal(signal.SIGALRM, too_long)
    signal.alarm(TURN)
    try:
        yield
    finally:
        signal.alarm(0)


@contextmanager
def _without_collector() -> Iterator[None]:
    """Disable the cyclic garbage collector of the client while time is taken."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def ratio(these: Sequence[float], those: Sequence[float] | None) -> float | None:
    """Return the median of the ratios of each round; None without `those`."""
    if those is None:
        return None
    return statistics.median(a / b for a, b in zip(these, those, strict=True))


def best_python_peer(
    samples: Mapping[Contender, Sequence[float]], *, more: bool = False
) -> Contender | None:
    """Return the Python peer with the least median, or with `more` the largest, if any."""
    peers = [contender for contender in samples if contender.peer.is_python_peer]
    medians = {contender: statistics.median(samples[contender]) for contender in peers}
    choose = max if more else min
    return choose(medians, key=lambda contender: medians[contender], default=None)


def percentile(values: Iterable[float], percent: int) -> float:
    """Return the smallest of `values` that at least `percent` of them do not exceed."""
    ordered = sorted(values)
    rank = -(-len(ordered) * percent // 100)  # Rounded up.
    return ordered[max(rank, 1) - 1]
