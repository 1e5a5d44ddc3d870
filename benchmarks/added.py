"""The cells of the relays' tables: what a relay adds to direct requests, its cost, and the ratio of
both to nginx, taken within each round.
"""

import statistics
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import TypeVar

from benchmarks.peer import Contender, Peer
from benchmarks.peers import DIRECT, NGINX_RELAY
from benchmarks.report import Row
from benchmarks.turns import percentile, ratio

Block = TypeVar("Block")
Samples = Sequence[float]


def group(blocks: Mapping[Contender, Block], loop: str) -> dict[Peer, Block]:
    """Return the figures of the relays in the group of one loop."""
    return {
        contender.peer: block
        for contender, block in blocks.items()
        if not contender.peer.has_a_choice_of_loops() or contender.loop == loop
    }


def added_cells(samples: Mapping[Peer, Sequence[Samples]]) -> dict[Peer, Row]:
    """Return `median`, and the same less the median of direct requests in its round: `added...`.

    The samples of a peer are those of each round. The fastest is first. Without direct requests
    there are no cells.
    """
    if (direct := samples.get(DIRECT)) is None:
        return {}
    added = {peer: _less(rounds, direct) for peer, rounds in samples.items()}
    medians = {peer: list(map(statistics.median, rounds)) for peer, rounds in added.items()}
    nothing: Row = {"added": None, "added_p99": None, "added_to_nginx": None}
    cells: dict[Peer, Row] = {}
    for peer in sorted(samples, key=lambda peer: percentile(chain(*samples[peer]), 50)):
        cells[peer] = {"median": percentile(chain(*samples[peer]), 50), **nothing}
        if peer is not DIRECT:
            cells[peer] |= {
                "added": percentile(chain(*added[peer]), 50),
                "added_p99": percentile(chain(*added[peer]), 99),
                "added_to_nginx": ratio(medians[peer], medians.get(NGINX_RELAY)),
            }
    return cells


def cost_cells(key: str, costs: Mapping[Peer, Sequence[float]]) -> dict[Peer, Row]:
    """Return the median of the rounds as `key`, and its ratio to nginx; the least is first.

    Direct requests, which no process relays, have no cost.
    """
    medians = {peer: statistics.median(rounds) for peer, rounds in costs.items()}
    nginx = costs.get(NGINX_RELAY)
    return {
        peer: {key: medians[peer] or None, f"{key}_to_nginx": ratio(costs[peer], nginx) or None}
        for peer in sorted(medians, key=lambda peer: medians[peer])
    }


def _less(rounds: Sequence[Samples], direct: Sequence[Samples]) -> list[list[float]]:
    return [
        [sample - statistics.median(base) for sample in samples]
        for samples, base in zip(rounds, direct, strict=True)
    ]
