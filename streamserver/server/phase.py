"""The phases of an exchange, and which may follow which.

::

                   ┌──────────────────────┐
                   │                      v
    HANDLING ──> READY ──> STREAMING <──> GATHERING
        │          │           │              │
        └──────────┴───────────┴──────────────┴──> ENDED
"""

from enum import Enum, StrEnum


class Phase(Enum):
    """What of a response exists, and what of it was written."""

    HANDLING = "handling"
    """The handler runs; there is no head."""
    READY = "ready"
    """The head is made and not written: it waits for the first piece of the body."""
    STREAMING = "streaming"
    """The head was written, and every piece so far."""
    GATHERING = "gathering"
    """Pieces are held for a common write, also with a head that was not written yet."""
    ENDED = "ended"
    """There is an outcome; nothing is written any more."""


HANDLING, READY, STREAMING, GATHERING, ENDED = Phase

FOLLOWS: dict[Phase, frozenset[Phase]] = {
    HANDLING: frozenset((READY, ENDED)),
    # An error replaces a head that was not written yet; a last piece is held with the head.
    READY: frozenset((READY, STREAMING, GATHERING, ENDED)),
    STREAMING: frozenset((GATHERING, ENDED)),
    GATHERING: frozenset((STREAMING, ENDED)),
    ENDED: frozenset(),
}
"""The phases that may follow each phase."""


class Outcome(StrEnum):
    """How an exchange ended: the word in the access log and in the metrics."""

    COMPLETE = "complete"
    """The whole response was handed to the socket."""
    CLIENT_GONE = "client_gone"
    """The client closed or reset its side first; one that half-closes counts as gone."""
    STALLED = "stalled"
    """The client took nothing for ``write_timeout``."""
    TRUNCATED = "truncated"
    """The producer failed after the head was sent."""
    REJECTED = "rejected"
    """The request broke a rule of the engine and was refused."""
    EXPIRED = "expired"
    """The response took longer than ``max_stream``."""
    DRAINED = "drained"
    """The server stopped first."""
