"""How long the relay waits for an upstream, and how many connections it keeps to one.

Every wait has a deadline of its own. One total for all of them, which many clients have
instead, ends every healthy long stream; so that one is off.
"""

from dataclasses import dataclass, fields
from typing import Any


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds; 0 switches a deadline off. ValueError for a negative one."""

    connect: float = 5.0
    """For the name, the connection and the TLS handshake together, else 504."""

    first_byte: float = 60.0
    """From the end of the request to the head of the answer, else 504; also how long the
    upstream may take nothing of a request body."""

    gap: float = 60.0
    """Between two pieces of the answer while the client takes them, else it is cut."""

    total: float = 0.0
    """From the request to the end of the answer."""

    def __post_init__(self) -> None:
        _refuse_negative(self)


@dataclass(frozen=True, slots=True)
class PoolLimits:
    """How many connections to an upstream; ValueError for a negative number."""

    open: int = 0
    """In all, whether in use or idle; 0 derives it from the descriptor limit."""

    idle: int = 100
    """Kept for the next request; beyond it they are closed."""

    idle_timeout: float = 30.0
    """Seconds that one is kept: an upstream may close it at any moment, and the longer it
    lies, the likelier it is that the next request meets just that moment. 0: for ever."""

    waiting: int = 1000
    """Requests that may wait for a connection while all are in use, else 503 at once."""

    wait: float = 5.0
    """Seconds that each of them waits, else 503; 0: not at all."""

    def __post_init__(self) -> None:
        _refuse_negative(self)


def _refuse_negative(settings: Any) -> None:
    for field in fields(settings):
        value = getattr(settings, field.name)
        if not value >= 0:
            raise ValueError(f"{field.name} must be 0 or more, not {value!r}")
