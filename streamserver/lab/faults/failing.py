"""Answers that fail instead of beginning: the first few of a client, or some by chance.

    fail_first=3&fail_key=my-run      the first three requests with that key fail, then all succeed
    fail_rate=0.1&seed=7              one in ten fails, the same ones each time

Both count the requests of a key that the client has chosen. By the n-th request and the seed it is
decided whether it fails, so a run with a new key repeats what one before it saw. Without a key
those with the same seed are counted together; without either, chance is chance.
"""

from collections import OrderedDict
from random import Random, random

from streamserver.kit.params import number, text, whole
from streamserver.kit.request import Query
from streamserver.wire.problem import HTTPError

KEYS = 10_000
"""Keys that are remembered; the one that was used least lately is forgotten first."""

RATE = number("fail_rate", 0, 1, default=0)
FIRST = whole("fail_first", 0, 1000, default=0)
STATUS = whole("fail_status", 400, 599, default=503)
RETRY_AFTER = whole("retry_after", 0, 3600, default=1)
KEY = text("fail_key", 1, 100)
_MORE = tuple(knob.name for knob in (STATUS, RETRY_AFTER, KEY))
NAMES = (RATE.name, FIRST.name, *_MORE)


class Failing:
    """Decides which requests fail; each worker counts its own."""

    __slots__ = ("_counts",)

    def __init__(self) -> None:
        self._counts: OrderedDict[tuple[str, str], int] = OrderedDict()

    def check(self, given: Query, seed: int) -> HTTPError | None:
        """What a request is to be answered with, if it is to fail.

        Raises HTTPError 400 that names the knob where one is wrong.
        """
        first, rate = FIRST.of(given), RATE.of(given)
        status, retry_after = STATUS.of(given), RETRY_AFTER.of(given)
        if not first and not rate:
            _check_alone(given)
            return None
        has_key = first or "fail_key" in given
        key = ("key", KEY.of(given)) if has_key else ("seed", str(seed))
        repeats = has_key or "seed" in given
        n = self._count(key) if repeats else 0
        if n >= first:
            drawn = Random(f"{seed} {n}").random() if repeats else random()
            if drawn >= rate:
                return None
        after = {"Retry-After": str(retry_after)}
        return HTTPError(status, "this failure was asked for", headers=after)

    def _count(self, key: tuple[str, str]) -> int:
        """How many there were before this one."""
        n = self._counts.pop(key, 0)
        self._counts[key] = n + 1
        if len(self._counts) > KEYS:
            self._counts.popitem(last=False)
        return n


def _check_alone(given: Query) -> None:
    """HTTPError 400 for what says more of a failure that nothing asks for."""
    if RATE.name not in given and FIRST.name not in given:
        for name in _MORE:
            if name in given:
                needed = f"{name} needs {RATE.name} or {FIRST.name}"
                raise HTTPError(400, needed, parameter=name)
