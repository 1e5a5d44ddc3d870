"""How much is measured: what the command line asked for."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from benchmarks.peer import Contender, Peer


@dataclass(frozen=True, slots=True)
class Plan:
    """Who takes part, on which loops, for how many rounds, and whether all is to be small."""

    peers: Sequence[Peer]
    relays: Sequence[Peer]
    loops: Sequence[str]
    rounds: int
    quick: bool

    @property
    def few_rounds(self) -> int:
        """How many rounds of what takes long, as a crowd of streams does to be opened."""
        return max(2, self.rounds // 2)

    def contenders(self, loop: str, *works: str) -> Iterator[Contender]:
        """Yield every peer at each of `works` that it can do."""
        for peer in self.peers:
            for work in works:
                if work in peer.works:
                    yield Contender(peer, loop, work)

    def relays_of(self, upstream: int) -> Iterator[Contender]:
        """Yield every relay on every loop it can be told to run on, in front of an upstream."""
        for relay in self.relays:
            for loop in self.loops if relay.has_a_choice_of_loops() else self.loops[:1]:
                yield Contender(relay, loop, "relay", upstream)
