"""How long an upstream took, for the log and for the client."""

from time import monotonic
from typing import TypeAlias

Attributes: TypeAlias = tuple[tuple[str, float | str], ...]
"""Names and values that the access log shows."""

REUSED = ("connect", "reused")


def ms_since(moment: float) -> float:
    """Milliseconds since a moment of ``time.monotonic``."""
    return round((monotonic() - moment) * 1000, 2)


def server_timing(connect_ms: float | None, upstream_ms: float, queue_ms: float) -> str:
    """The value of a Server-Timing field (W3C Server-Timing); ``connect_ms``: None if the
    connection was reused; ``queue_ms``: 0 if the request did not wait."""
    queue = f"queue;dur={round(queue_ms, 2)}, " if queue_ms else ""
    connect = "reused" if connect_ms is None else f"connect;dur={connect_ms}"
    return f"{queue}{connect}, upstream;dur={upstream_ms}"
