"""The phases of a relayed request, and which may follow which.

::

    CONNECTING <──> AWAITING_HEAD <──> SENDING
        └──────────────^─│────────────^─│
                         v              v
                      HOLDING <─────────┘
                       │    │
                       v    v
              COLLECTING    STREAMING <──> PAUSED

Every phase may be followed by ENDED.
"""

from enum import Enum


class Phase(Enum):
    """What a relay waits for."""

    CONNECTING = "connecting"
    """A connection to the upstream."""
    SENDING = "sending"
    """More of the request's body, from the client."""
    AWAITING_HEAD = "awaiting head"
    """The upstream: it has the request, or as much of it as it takes."""
    HOLDING = "holding"
    """The handler: the head has arrived, and the body is held until the handler returns."""
    STREAMING = "streaming"
    """More of the body, from the upstream."""
    PAUSED = "paused"
    """The client, which has more to read than it takes; the upstream is not read."""
    COLLECTING = "collecting"
    """The rest of an error, which is reported in an event."""
    ENDED = "ended"
    """Nothing: the connection to the upstream was released or closed."""


CONNECTING, SENDING, AWAITING_HEAD, HOLDING, STREAMING, PAUSED, COLLECTING, ENDED = Phase

BEFORE_HEAD = frozenset((CONNECTING, SENDING, AWAITING_HEAD))
"""The phases in which no final head has arrived."""

FOLLOWS: dict[Phase, frozenset[Phase]] = {
    CONNECTING: frozenset((SENDING, AWAITING_HEAD, ENDED)),
    SENDING: frozenset((AWAITING_HEAD, HOLDING, ENDED)),
    # Another attempt follows; an interim response restarts the deadline.
    AWAITING_HEAD: frozenset((CONNECTING, SENDING, AWAITING_HEAD, HOLDING, ENDED)),
    HOLDING: frozenset((STREAMING, COLLECTING, ENDED)),
    STREAMING: frozenset((PAUSED, ENDED)),
    PAUSED: frozenset((STREAMING, ENDED)),
    COLLECTING: frozenset((ENDED,)),
    ENDED: frozenset(),
}
"""The phases that may follow each phase."""
