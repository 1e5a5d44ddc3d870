"""Requests that fail: the first ones of a client, or some by chance.

    fail_first=3&fail_key=my-run      the first three requests with that key fail
    fail_rate=0.1&seed=7              one in ten fails, the same ones each time

The requests of a key, which the client chooses, are counted. The number of a request and the seed
decide whether it fails, so a run with a new key repeats an earlier one. Without a key the requests
with the same seed are counted together; without a seed either, each is independent.
"""

from collections import OrderedDict
from random import Random, random

from streamserver.kit.params import number, text, whole
from streamserver.kit.request import Query
from streamserver.lab.parameters import Documented
from streamserver.wire.problem import HTTPError

MAX_KEYS = 10_000
"""Keys that are counted; the least recently used one is dropped."""

RATE = number("fail_rate", 0, 1, default=0)
FIRST = whole("fail_first", 0, 1000, default=0)
STATUS = whole("fail_status", 400, 599, default=503)
RETRY_AFTER = whole("retry_after", 0, 3600, default=1)
KEY = text("fail_key", 1, 100)
DOCUMENTED: tuple[Documented, ...] = (
    (RATE, "share of the requests that fail"),
    (FIRST, "how many requests with a fail_key fail before others succeed"),
    (STATUS, "status of the failure"),
    (RETRY_AFTER, "Retry-After of the failure, in seconds"),
    (KEY, "requests with the same key are counted together"),
)
_DETAILS = (STATUS.name, RETRY_AFTER.name, KEY.name)


class Failures:
    """Decides which requests fail. Each worker counts its own."""

    __slots__ = ("_counts",)

    def __init__(self) -> None:
        self._counts: OrderedDict[tuple[str, str], int] = OrderedDict()

    def failure(self, given: Query, seed: int) -> HTTPError | None:
        """The failure of a request with these parameters, or None.

        Raises HTTPError 400 for a wrong parameter.
        """
        first, rate = FIRST.of(given), RATE.of(given)
        status, retry_after = STATUS.of(given), RETRY_AFTER.of(given)
        if not first and not rate:
            _check_details(given)
            return None
        has_key = first or KEY.name in given
        key = ("key", KEY.of(given)) if has_key else ("seed", str(seed))
        repeats = has_key or "seed" in given
        n = self._count(key) if repeats else 0
        if n >= first:
            drawn = Random(f"{seed} {n}").random() if repeats else random()
            if drawn >= rate:
                return None
        return HTTPError(
            status, "this failure was requested", headers={"Retry-After": str(retry_after)}
        )

    def _count(self, key: tuple[str, str]) -> int:
        """Count a request, and return how many came before it."""
        n = self._counts.pop(key, 0)
        self._counts[key] = n + 1
        if len(self._counts) > MAX_KEYS:
            self._counts.popitem(last=False)
        return n


def _check_details(given: Query) -> None:
    """HTTPError 400 for details of a failure that is not requested."""
    if RATE.name not in given and FIRST.name not in given:
        for name in _DETAILS:
            if name in given:
                needed = f"{name} needs {RATE.name} or {FIRST.name}"
                raise HTTPError(400, needed, parameter=name)
