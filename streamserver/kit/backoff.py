"""How long to wait before something that ended is started again."""

from dataclasses import dataclass


@dataclass(slots=True)
class Backoff:
    """How many seconds to wait before what ended is started again.

    0 after the first end; then `first`, doubled up to `bound`, while it ends before it is `calm`
    seconds old.
    """

    first: float = 0.25
    bound: float = 8.0
    calm: float = 10.0
    _next: float = 0.0

    def delay(self, lived: float) -> float:
        """The wait after a start that lasted this many seconds."""
        if lived >= self.calm:
            self._next = 0.0
        delay = self._next
        self._next = min(max(self.first, 2 * delay), self.bound)
        return delay
