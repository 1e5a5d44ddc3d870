"""An inference engine with continuous batching, in virtual time.

Sequences wait in order of arrival, and at most ``max_sequences`` run. A step begins when the one
before it ends, or at the next arrival. It first admits those that wait, while there are places and
tokens of the chunk; a prompt that is longer than the chunk takes several steps. At its end each
sequence whose prompt is processed gets a token. A sequence that arrives within a step waits for its
end, and one that leaves within it does not shorten it.

The engine reads no clock. All its times follow from the arrivals and the profile, so a caller that
is late changes none of them.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable

from streamserver.lab.model.cost.profile import Profile

MOST_STEPS = 64
"""Steps that are computed without a pause."""


class Sequence:
    """One choice of an answer: a prompt that is processed, and tokens that are generated."""

    __slots__ = ("arrived", "left", "prompt", "times", "tokens", "wake")

    def __init__(self, prompt: int, tokens: int, wake: "Callable[[Sequence], object]") -> None:
        self.prompt = prompt
        """Tokens of the prompt that are not processed yet, without those of the cache."""
        self.tokens = self.left = max(tokens, 1)
        """Tokens of the answer: in all, and not yet generated. The end of an empty answer counts as
        one token."""
        self.wake = wake
        """Called after each change of ``times``."""
        self.arrived = 0
        self.times: list[int] = []
        """The times of its admission and of each of its tokens, in ns."""


class Engine:
    """The sequences that wait and run, and the step that is computed; times in ns of any clock."""

    def __init__(self, profile: Profile) -> None:
        self.profile = profile
        self.waiting: OrderedDict[Sequence, None] = OrderedDict()
        self.running: dict[Sequence, None] = {}
        self.step_end: int | None = None
        """The end of the step that is computed; None if there is none."""
        self.steps = 0
        """Steps that have begun."""
        self._partial: Sequence | None = None  # the one whose prompt needs another step

    @property
    def is_empty(self) -> bool:
        """Whether no sequence waits or runs."""
        return not self.running and not self.waiting

    def has_room(self, count: int) -> bool:
        """Whether ``count`` sequences may join."""
        profile, present = self.profile, len(self.running) + len(self.waiting)
        return present + count <= profile.max_sequences + profile.max_waiting

    def join(self, sequences: Iterable[Sequence], now: int) -> None:
        """Add sequences that arrive together."""
        self.advance(now)
        for sequence in sequences:
            sequence.arrived = now
            self.waiting[sequence] = None
        if self.step_end is None:
            self._begin(now)

    def leave(self, sequence: Sequence) -> None:
        """Remove a sequence, from the queue or from the steps after this one."""
        self.waiting.pop(sequence, None)
        self.running.pop(sequence, None)
        if self._partial is sequence:
            self._partial = None

    def advance(self, now: int) -> None:
        """Compute the steps that have ended by now, at most ``MOST_STEPS``."""
        for _ in range(MOST_STEPS):
            if self.step_end is None or self.step_end > now:
                break
            self._finish(self.step_end)

    def _finish(self, end: int) -> None:
        ended: list[Sequence] = []
        for sequence in self.running:
            if not sequence.prompt:
                sequence.times.append(end)
                sequence.left -= 1
                if not sequence.left:
                    ended.append(sequence)
                sequence.wake(sequence)
        for sequence in ended:
            del self.running[sequence]
        self._begin(end)

    def _begin(self, at: int) -> None:
        if self.is_empty:
            self.step_end = None
            return
        if not self.running:
            at = max(at, next(iter(self.waiting)).arrived)
        budget = chunk = self.profile.prefill_chunk
        if self._partial:
            budget -= self._process(self._partial, budget)
        while self.waiting and budget and len(self.running) < self.profile.max_sequences:
            sequence = next(iter(self.waiting))
            if sequence.arrived > at:
                break
            del self.waiting[sequence]
            self.running[sequence] = None
            sequence.times.append(at)
            sequence.wake(sequence)
            budget -= self._process(sequence, budget)
        self.steps += 1
        self.step_end = at + self.profile.step_time(len(self.running), chunk - budget)

    def _process(self, sequence: Sequence, budget: int) -> int:
        """Process a part of a prompt, and return its tokens."""
        taken = min(sequence.prompt, budget)
        sequence.prompt -= taken
        self._partial = sequence if sequence.prompt else None
        return taken
