"""The deadlines of a relay, and the limits of its connections to one upstream.

Every wait has a deadline of its own. A total deadline for all of them, which many clients have
instead, ends every long stream that is healthy, so it is off by default.
"""

from dataclasses import dataclass, fields
from typing import Any


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds; 0 switches a deadline off. ValueError for a negative one."""

    connect: float = 5.0
    """For the look-up of the name, the connection and the TLS handshake together, else 504."""

    first_byte: float = 60.0
    """From the end of the request to the head of the response, else 504; also how long the
    upstream may take nothing of a request body."""

    gap: float = 60.0
    """Between two pieces of the response, while the client takes them, else it is cut."""

    total: float = 0.0
    """From the request to the end of the response."""

    def __post_init__(self) -> None:
        _refuse_negative(self)


@dataclass(frozen=True, slots=True)
class PoolLimits:
    """Limits of the connections to an upstream; ValueError for a negative number."""

    open: int = 0
    """Connections in all, in use or idle; 0 derives it from the descriptor limit."""

    idle: int = 100
    """Connections that are kept for further requests; the rest are closed."""

    idle_timeout: float = 30.0
    """Seconds that an idle connection is kept; 0 is no limit. The longer it is idle, the likelier
    the upstream closes it at the moment of the next request."""

    waiting: int = 1000
    """Requests that may wait for a connection while all are in use, else 503 at once."""

    wait: float = 5.0
    """Seconds that each of them waits, else 503; 0: it does not wait."""

    def __post_init__(self) -> None:
        _refuse_negative(self)


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long a replica that has failed gets no requests, in seconds: ``first``, then twice as
    long for each further failure in a row, up to ``longest``; each time between half and all of
    that, at random. ValueError for a negative number."""

    first: float = 1.0
    longest: float = 30.0

    def __post_init__(self) -> None:
        _refuse_negative(self)


@dataclass(frozen=True, slots=True)
class QueueLimits:
    """Limits of the requests that wait while every upstream has as many streams as it may have;
    ValueError for a negative number."""

    waiting: int = 1000
    """Requests that may wait, else 503 at once."""

    wait: float = 30.0
    """Seconds that each of them waits, else 503; 0: it does not wait. It is longer than that for a
    connection, because a stream of a model lasts for seconds."""

    def __post_init__(self) -> None:
        _refuse_negative(self)


def _refuse_negative(limits: Any) -> None:
    for field in fields(limits):
        value = getattr(limits, field.name)
        if not value >= 0:
            raise ValueError(f"{field.name} must be 0 or more, not {value!r}")
