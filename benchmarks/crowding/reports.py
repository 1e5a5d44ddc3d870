"""What a client process reports of its streams."""

from dataclasses import dataclass, field


@dataclass(slots=True)
class Report:
    """What has happened since the last report."""

    arrivals: list[tuple[int, int, int]] = field(default_factory=list)
    """The number of an event, nanoseconds from its publication, and how many streams got it then
    as it happened; not those that got it since they resumed."""
    returns: list[float] = field(default_factory=list)
    """Seconds from the end of a stream to the head of the next one."""
    replayed: int = 0
    """Events that streams missed and received when they resumed."""
    ended: int = 0
    """Streams that the server ended properly, with the last-chunk."""
    cut: int = 0
    """Streams that ended without it."""
    refused: int = 0
    """Attempts that got a 503."""
    failed: int = 0
    """Attempts that got no response at all."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How many streams are live, and the position of the last one of all."""

    live: int
    lowest: int
