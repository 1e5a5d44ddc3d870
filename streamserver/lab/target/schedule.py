"""When each event of a stream is due: pure, and the same for the same knobs."""

from collections.abc import Iterator

from streamserver.lab.target.knobs import Knobs

SECOND = 1_000_000_000
"""Nanoseconds."""


def due_times(knobs: Knobs) -> Iterator[int]:
    """Nanoseconds from the head to each event, in order.

    Counted from the beginning, and rounded only then, so that they never drift.
    """
    first = knobs.first_byte_delay
    for seq in range(knobs.count):
        yield round((first + seq * knobs.gap) * SECOND)
