"""The record of one exchange: a timestamp for each milestone, counts, and how it ended."""

from array import array
from collections import Counter
from dataclasses import dataclass, field
from typing import Literal

from streamserver.lab.stamps import Stamp

End = Literal[
    "complete",  # by its framing and by its content
    "unfinished",  # complete by its framing, but a model's answer lacks the event that ends it
    "failed",  # an event reported an error in band, after a status that signals success
    "no_token",  # a model's answer without token and tool call: at most with reasoning
    "no_stream",  # a stream was requested, and the response is a 204, 205, 304 or a document
    "encoded",  # the body has a content coding, which is not decoded, so no event can be read
    "redirected",  # complete, with a status from 300 to 399 but 304; redirects are not followed
    "refused",  # complete, with a status of 400 or more
    "unconnected",  # no connection could be opened
    "untrusted",  # the TLS handshake failed
    "unanswered",  # the connection ended before the first byte of the response
    "truncated",  # the connection was closed within the response
    "reset",  # the connection was reset within the response
    "malformed",  # the response is not valid HTTP, or not a valid event stream
    "connect_timeout",
    "first_byte_timeout",
    "gap_timeout",
    "total_timeout",
    "stopped",  # by the client; neither an error nor a success
]
"""How an exchange ended."""
MILESTONES = (
    *("head", "first_byte", "first_event"),
    *("first_reasoning", "first_token", "first_tool_call", "last_byte"),
)
"""Members of a record that count from the request, in their usual order."""
NO_ERROR = ("complete", "stopped")
FIGURES = ("ttft", "tpot", "e2e")
"""Durations of a record that are figures of a model's answer by the usual names."""
TokensFrom = Literal["", "usage", "events"]
KEPT = 1000
"""Events of an exchange whose times are kept; further ones are only counted."""
_NO_SERVICE = ("failed", "no_token", "no_stream", "encoded", "redirected")


@dataclass(slots=True)
class Record:
    """One exchange; times are in ns of ``time.monotonic_ns``, 0 for a milestone not reached."""

    planned: int = 0
    """When it was due. In an open loop all durations count from here: a slow client or
    server cannot hide its delay (coordinated omission)."""
    began: int = 0
    dialed: int = 0
    """When the client began to connect; 0 on a reused connection, as the next two are."""
    connected: int = 0
    secured: int = 0
    """When the TLS handshake was complete; 0 without TLS."""
    sent: int = 0
    """When the kernel had the whole request."""
    head: int = 0
    """When the final response head was complete."""
    first_byte: int = 0
    """Of the body."""
    first_event: int = 0
    first_reasoning: int = 0
    """The first piece of a model's reasoning."""
    first_token: int = 0
    """The first piece of a model's text, or of a refusal."""
    first_tool_call: int = 0
    """The first event with the name of a tool, or with a piece of its input."""
    last_token: int = 0
    """The last event with a piece of reasoning, of text or of a tool call."""
    last_byte: int = 0
    """The end of a body that is complete by its framing."""
    ended: int = 0
    turn: int = 1
    """The turn of its conversation, from 1."""
    status: int = 0
    end: End = "stopped"
    detail: str = ""
    """What went wrong."""
    server: str = ""
    """The field Server of the response (RFC 9110, section 10.2.4)."""
    answer: str = ""
    """The first line of the body of a response whose head rules out success, without secrets."""
    retries: int = 0
    """1 if a reused connection was closed already, and the request was sent again."""
    reads: int = 0
    """Reads from the socket. Chunks and events are counted apart: each hop may regroup them."""
    chunks: int = 0
    events: int = 0
    size: int = 0
    """Bytes of the body, without framing."""
    token_events: int = 0
    """Events with a piece of reasoning, of text or of a tool call."""
    input_tokens: int = 0
    """Tokens of the prompt, cached ones included, as the service reported them."""
    cached_tokens: int = 0
    """The input tokens that the service read from its cache."""
    output_tokens: int = 0
    """Tokens of the answer, reasoning included; see ``tokens_from``."""
    reasoning_tokens: int = 0
    """The output tokens that were reasoning, as the service reported them."""
    tokens_from: TokensFrom = ""
    """The source of ``output_tokens``: the service's usage, else the number of ``token_events``;
    "" without a model's answer."""
    longest_gap: int = 0
    """The longest time between two events, in ns."""
    arrivals: "array[int]" = field(default_factory=lambda: array("q"))
    """The arrival of each of the first ``KEPT`` events."""
    gaps: "Counter[int]" = field(default_factory=Counter)
    """On request: the number of pairs of neighbouring events at each time between them, in ns, to
    the precision of the figures."""
    itls: "Counter[int]" = field(default_factory=Counter)
    """The same counts for the events with a token."""
    stamp_numbers: "array[int]" = field(default_factory=lambda: array("q"))
    """The numbers of ``stamps``, one after the other: tuples take seven times the memory."""
    digest: str = ""
    """On request: the SHA-256 of the events' data without the times of stamps, which always
    differ; or of the body, if it has no events."""
    counted: bool = False
    """Whether its events were added to the figures as they arrived."""

    @property
    def stamps(self) -> list[Stamp]:
        """The target's stamps, if any: the n-th belongs to the n-th arrival."""
        numbers = iter(self.stamp_numbers)
        return list(map(Stamp, numbers, numbers, numbers))

    @property
    def is_error(self) -> bool:
        """Whether it failed, rather than completed or was stopped by the client."""
        return self.end not in NO_ERROR

    @property
    def has_answer(self) -> bool:
        """Whether a model answered: reasoning alone is no answer."""
        return bool(self.first_output)

    @property
    def first_output(self) -> int:
        """The moment of the first token or tool call; 0 without either."""
        return _earliest(self.first_token, self.first_tool_call)

    @property
    def ttft(self) -> int:
        """The time to the first token or tool call, in ns; 0 without either.

        Reasoning has a milestone of its own, ``first_reasoning``.
        """
        return self.first_output and self.first_output - self.planned

    @property
    def tpot(self) -> int:
        """The time per output token after the first, in ns, at least 1; 0 with fewer than two.

        Reasoning that was billed and not sent took no part of this time, so it does not count.
        """
        tokens = self.output_tokens - (0 if self.first_reasoning else self.reasoning_tokens)
        first = _earliest(self.first_reasoning, self.first_output)
        return max((self.last_token - first) // (tokens - 1), 1) if first and tokens > 1 else 0

    @property
    def e2e(self) -> int:
        """The time to the last byte of a complete exchange, in ns; 0 for any other."""
        return self.last_byte - self.planned if self.end == "complete" and self.last_byte else 0

    @property
    def tokens_per_second(self) -> float:
        """Output tokens by the time to the last byte; 0 without either."""
        return self.output_tokens * 1e9 / self.e2e if self.e2e else 0.0

    @property
    def is_served(self) -> bool:
        """Whether its milestones measure the service. Errors do not: they arrive early, and would
        make a server that only fails look fast."""
        return self.status < 400 and self.end not in _NO_SERVICE

    def count_tokens(self) -> None:
        """Take the output tokens from the events, unless the service reported its usage."""
        if self.token_events and not self.output_tokens:
            self.output_tokens, self.tokens_from = self.token_events, "events"


def _earliest(*moments: int) -> int:
    return min(filter(None, moments), default=0)
