"""The knobs: what a client may command a stream to be.

Each is a parameter of the query, or a field of the request: ``?gap=0.1`` and ``X-Lab-Gap: 0.1``
are the same. The query wins, since it is what people see.
"""

from dataclasses import dataclass
from urllib.parse import urlencode

from streamserver.kit.params import number, one_of, whole
from streamserver.kit.request import Query, Request

PREFIX = "x-lab-"

HEAD_DELAY = number("head_delay", 0, 60, default=0)
FIRST_BYTE_DELAY = number("first_byte_delay", 0, 60, default=0)
COUNT = whole("count", 0, 1_000_000, default=10)
GAP = number("gap", 0, 60, default=0.1)
SIZE = whole("size", 0, 1_000_000, default=32)
SEED = whole("seed", 0, 2**53, default=0)
STAMPS = one_of("stamps", "0", "1", default="0")


@dataclass(frozen=True, slots=True)
class Knobs:
    """A stream as it was commanded; times are in seconds, sizes in bytes."""

    head_delay: float
    """From the request to the response's head."""
    first_byte_delay: float
    """From the head to the first event."""
    count: int
    gap: float
    """Between two events."""
    size: int
    """Of an event's data."""
    seed: int
    stamps: bool


def read(request: Request) -> Knobs:
    """The knobs of a request; HTTPError 400 that names the one that is wrong."""
    given = _given(request)
    return Knobs(
        HEAD_DELAY.of(given),
        FIRST_BYTE_DELAY.of(given),
        COUNT.of(given),
        GAP.of(given),
        SIZE.of(given),
        SEED.of(given),
        STAMPS.of(given) == "1",
    )


def _given(request: Request) -> Query:
    fields = [(name, value) for name, value in request.headers if name.startswith(PREFIX)]
    if not fields:
        return request.query
    knobs = [(name.removeprefix(PREFIX).replace("-", "_"), value) for name, value in fields]
    return Query(f"{request.target.partition('?')[2]}&{urlencode(knobs)}")
