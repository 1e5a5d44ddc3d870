"""Whether a replica gets requests: a state machine to which time is passed.

::

    HEALTHY ───failure───> EXCLUDED ───a request───> PROBED ───response───> HEALTHY
                              └───────────failure──────┘

An excluded replica gets no request until its time has passed, and then a single one, whose result
decides. While there is none, a further one follows each ``Backoff.longest`` seconds: a client that
sends its body slowly must not keep a replica out. Each failure in a row doubles the time. It is
randomized, because several processes that exclude a replica at the same moment should not all
return to it at the same moment.

Requests report their results with the number of the state in which they were sent. A report about
an earlier state is ignored: if a dead replica resets a hundred requests at once, only the first one
counts, and a request that was sent before a replica recovered does not exclude it again.
"""

from collections.abc import Callable
from enum import Enum
from random import random

from streamserver.proxy.settings import Backoff

LONGEST_REFUSAL = 3600.0
"""Seconds that a Retry-After excludes a replica at most."""


class Standing(Enum):
    """Which requests a replica gets."""

    HEALTHY = "healthy"
    """Any."""
    EXCLUDED = "excluded"
    """None until a moment, then one."""
    PROBED = "probed"
    """None but the one that was sent to find out whether it responds again, for a while."""


HEALTHY, EXCLUDED, PROBED = Standing


class Health:
    """The state of one replica. ``now`` is always in seconds of one monotonic clock.

    ``standing``: see ``Standing``. ``until``: when an exclusion ends. ``is_refusing``: whether the
    replica itself asked for the exclusion by a Retry-After. ``changes``: the number of the state.
    """

    __slots__ = (
        *("_backoff", "_failures", "_next_probe", "_random", "changes", "is_refusing"),
        *("standing", "until"),
    )

    def __init__(self, backoff: Backoff, random: Callable[[], float] = random) -> None:
        """``random``: returns a number of at least 0 and less than 1."""
        self._backoff = backoff
        self._random = random
        self._failures = 0  # in a row
        self._next_probe = 0.0  # when PROBED
        self.standing = HEALTHY
        self.until = 0.0
        self.is_refusing = False
        self.changes = 0

    def is_available(self, now: float) -> bool:
        """Whether a request may be sent to this replica in preference to any that is excluded."""
        if self.standing is EXCLUDED:
            return now >= self.until
        return self.standing is HEALTHY or now >= self._next_probe

    def is_barred(self, now: float) -> bool:
        """Whether no request may be sent to it at all, because it has asked for that."""
        return self.is_refusing and now < self.until

    def begin(self, now: float) -> int:
        """A request is sent; the number of the state, with which its result is reported."""
        if self.standing is EXCLUDED:
            self._change(PROBED)
        self._next_probe = now + self._backoff.longest
        return self.changes

    def succeed(self, number: int) -> bool:
        """A response has arrived; whether that ended an exclusion."""
        if number != self.changes or self.standing is HEALTHY:
            return False
        self._failures = 0
        self._change(HEALTHY)
        return True

    def fail(self, number: int, now: float) -> bool:
        """There was no response; whether the replica was healthy and is excluded now."""
        if number != self.changes:
            return False
        doubled = self._backoff.first * 2.0 ** min(self._failures, 60)
        self._failures += 1
        seconds = min(doubled, self._backoff.longest) * (1 + self._random()) / 2
        return self._exclude(now + seconds, is_refusing=False)

    def refuse(self, now: float, seconds: float) -> bool:
        """A response asks for no further request for so long; result as of ``fail``.

        It counts in every state, because it is about later requests.
        """
        self._failures = 0
        until = now + min(seconds, LONGEST_REFUSAL)
        if self.is_refusing:
            until = max(until, self.until)
        return self._exclude(until, is_refusing=True)

    def abandon(self, number: int) -> None:
        """A request has ended without a result: another one may probe the replica."""
        if number == self.changes and self.standing is PROBED:
            self._change(EXCLUDED)

    def _exclude(self, until: float, is_refusing: bool) -> bool:
        was_healthy = self.standing is HEALTHY
        self._change(EXCLUDED)
        self.until = until
        self.is_refusing = is_refusing
        return was_healthy

    def _change(self, standing: Standing) -> None:
        self.standing = standing
        self.changes += 1
