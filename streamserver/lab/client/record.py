"""What is known of one request: when each thing was there, and how it ended."""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from streamserver.lab.stamps import Stamp, Stamps

End = Literal[
    "complete",
    "unfinished",
    "failed",
    "no_token",
    "no_stream",
    "encoded",
    "redirected",
    "refused",
    "unconnected",
    "untrusted",
    "unanswered",
    "truncated",
    "reset",
    "malformed",
    "connect_timeout",
    "first_byte_timeout",
    "gap_timeout",
    "total_timeout",
    "stopped",
]
"""How an exchange ended:

- complete: all of it came, by its framing, and by what it is.
- unfinished: all of it came by its framing, but a model's answer lacks the event that ends it.
- failed: an event or a line reported an error in band, after a status that promised success.
- no_token: a model was asked, and its answer has neither token nor tool call: at most reasoning.
- no_stream: a stream was asked for, and the response is none: a 204, 205 or 304, or a document.
- encoded: the body has a content coding, which is not decoded, so its events cannot be read.
- redirected: all of it came, with a status from 300 to 399 but 304; redirects are not followed.
- refused: all of it came, with a status of 400 or more.
- unconnected: there was no connection.
- untrusted: there was one, but TLS did not come about.
- unanswered: the connection ended before a byte of the answer came.
- truncated: the connection was closed within the answer.
- reset: the connection was reset within the answer.
- malformed: what came is no HTTP, or no event stream.
- connect_timeout, first_byte_timeout, gap_timeout, total_timeout: that took too long.
- stopped: we had to end before it did; it is no error, and no success.
"""
NO_ERROR = ("complete", "stopped")
_NO_SERVICE = ("failed", "no_token", "no_stream", "encoded", "redirected")
KEPT = 1000
"""Events of an exchange whose moments are kept; further ones are only counted."""


@dataclass(slots=True)
class Record:
    """One exchange; moments are in ns of ``time.monotonic_ns``, 0 for what never happened."""

    planned: int = 0
    """When it was to begin. With an open loop all durations count from here, so that a client or
    server that falls behind cannot hide it (coordinated omission)."""
    began: int = 0
    """When it did: how late says how much of a limit the client was."""
    dialed: int = 0
    """When a connection was asked for; 0 on a kept connection, as the next two are."""
    connected: int = 0
    secured: int = 0
    """When TLS stood; 0 without it."""
    sent: int = 0
    """When the request was handed to the kernel."""
    head: int = 0
    """When the final response head was whole."""
    first_byte: int = 0
    """Of the body."""
    first_event: int = 0
    first_reasoning: int = 0
    """The first piece of a model's reasoning."""
    first_token: int = 0
    """The first piece of the text that it answers with, or of a refusal."""
    first_tool_call: int = 0
    """The first event that names a tool to be called, or has a piece of its input."""
    last_byte: int = 0
    """The end of a body that ended as it should."""
    ended: int = 0
    """When it was over, however it ended."""
    status: int = 0
    end: End = "stopped"
    detail: str = ""
    """What went wrong."""
    answer: str = ""
    """The first line of the body of a response whose head leaves no success, without secrets."""
    retries: int = 0
    """1 if a kept connection turned out to be closed, and the request went out again."""
    reads: int = 0
    """How often the kernel gave us something; chunks and events are counted apart, since each
    hop on the way may regroup them."""
    chunks: int = 0
    events: int = 0
    size: int = 0
    """Bytes of the body, without framing."""
    longest_gap: int = 0
    """The longest time between two events, in ns."""
    arrivals: "array[int]" = field(default_factory=lambda: array("q"))
    """When each of the first ``KEPT`` events was there."""
    stamps: Sequence[Stamp] = field(default_factory=Stamps)
    """What the target said of them, if it did: the n-th is of the n-th arrival."""
    digest: str = ""
    """If it was asked for: of the data of the events without the times of their stamps, which are
    never the same; or of the bytes of a body that has no events."""
    counted: bool = False
    """Whether its events went into the figures as they came."""

    @property
    def is_error(self) -> bool:
        """Whether it ended otherwise than well, and not by our own doing."""
        return self.end not in NO_ERROR

    @property
    def has_answer(self) -> bool:
        """Whether a model answered: reasoning alone is no answer."""
        return bool(self.first_token or self.first_tool_call)

    @property
    def is_served(self) -> bool:
        """Whether its milestones say how fast the service is: errors come soon, and would make a
        server look fast that only fails."""
        return self.status < 400 and self.end not in _NO_SERVICE

    def to_json(self, *, whole: bool = True) -> dict[str, Any]:
        """All of it, for ``from_json``; or all but its events one by one."""
        told = {name: getattr(self, name) for name in self.__slots__}
        told["arrivals"] = self.arrivals.tolist() if whole else []
        told["stamps"] = list(map(list, self.stamps)) if whole else []
        return told

    @classmethod
    def from_json(cls, told: dict[str, Any]) -> "Record":
        """What ``to_json`` told."""
        arrivals = array("q", told["arrivals"])
        stamps = Stamps(Stamp(*one) for one in told["stamps"])
        return cls(**told | {"arrivals": arrivals, "stamps": stamps})
