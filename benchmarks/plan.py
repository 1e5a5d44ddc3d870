"""The extent of a run: who takes part, on which loops, in how many rounds."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from benchmarks.peer import Contender, Peer


@dataclass(frozen=True, slots=True)
class Plan:
    """The selection of the command line."""

    peers: Sequence[Peer]
    relays: Sequence[Peer]
    loops: Sequence[str]
    rounds: int
    quick: bool

    @property
    def few_rounds(self) -> int:
        """The rounds of a measure whose round takes seconds, as with a thousand open streams."""
        return max(min(2, self.rounds), self.rounds // 4)

    @property
    def fewest_rounds(self) -> int:
        """The rounds of a measure whose round takes a minute."""
        return max(self.rounds // 10, 1)

    def contenders(self, loop: str, *works: str) -> Iterator[Contender]:
        """Yield every peer at each of `works` that it can do."""
        for peer in self.peers:
            for work in works:
                if work in peer.works:
                    yield Contender(peer, loop, work)

    def relays_of(self, upstream: int) -> Iterator[Contender]:
        """Yield every relay on every loop it can run on, in front of an upstream."""
        for relay in self.relays:
            for loop in self.loops if relay.has_a_choice_of_loops() else self.loops[:1]:
                yield Contender(relay, loop, "relay", upstream)
