"""What is known of one request: when each thing was there, and how it ended."""

from array import array
from dataclasses import dataclass, field
from typing import Literal

from streamserver.lab.stamps import Stamp

End = Literal[
    "complete", "refused", "unconnected", "truncated", "reset", "timeout", "malformed", "stopped"
]
"""How an exchange ended: all of it came; it came with a status of 400 or more; there was no
connection; the connection was closed, or reset, before the end; it took too long; what came is no
HTTP, or no event stream; we were stopped."""


@dataclass(slots=True)
class Record:
    """One exchange; moments are in ns of ``time.monotonic_ns``, 0 for what never happened."""

    planned: int = 0
    """When it was to begin. With an open loop all durations count from here, so that a client or
    server that falls behind cannot hide it (coordinated omission)."""
    began: int = 0
    connected: int = 0
    """0 on a kept connection, as ``secured`` is without TLS."""
    secured: int = 0
    sent: int = 0
    head: int = 0
    first_byte: int = 0
    """Of the body."""
    first_event: int = 0
    first_token: int = 0
    last_byte: int = 0
    status: int = 0
    end: End = "stopped"
    detail: str = ""
    """What went wrong."""
    reads: int = 0
    """How often the kernel gave us something; chunks and events are counted apart, since each
    hop on the way may regroup them."""
    chunks: int = 0
    events: int = 0
    size: int = 0
    """Bytes of the body, without framing."""
    arrivals: "array[int]" = field(default_factory=lambda: array("q"))
    """When each event was there."""
    stamps: list[Stamp] = field(default_factory=list)
    """What the target said of its events, if it did: the n-th is of the n-th arrival."""
