"""How much is measured: what the command line asked for."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from benchmarks.peers import Contender, Peer


@dataclass(frozen=True, slots=True)
class Plan:
    """Who takes part, on which loops, for how many rounds, and whether all is to be small."""

    peers: Sequence[Peer]
    loops: Sequence[str]
    rounds: int
    quick: bool

    def contenders(self, loop: str, *works: str) -> Iterator[Contender]:
        """Yield every peer at each of `works` that it can do."""
        for peer in self.peers:
            for work in works:
                if work in peer.works:
                    yield Contender(peer, loop, work)
