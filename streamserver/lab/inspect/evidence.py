"""The messages that the verdicts judge."""

from collections.abc import Sequence
from dataclasses import dataclass

from streamserver.lab.inspect.recording import Message, TimedEvent


@dataclass(frozen=True, slots=True)
class Resumption:
    """A stream that the inspector cut, and the request that resumes it."""

    first: Message
    """The stream that was cut."""
    sent: str
    """The id of its last event, sent in Last-Event-ID."""
    message: Message
    """The response to the request with this field."""
    after: Sequence[TimedEvent] = ()
    """Events that followed the one with this id in another response, without comments."""
    waiting: int = 0
    """How many of them existed before the stream was resumed."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the probes recorded; None where a probe was not sent."""

    main: Message
    """The request of the command line, with the codings that browsers accept."""
    identity: Message | None = None
    """The same request without a content coding."""
    old: Message | None = None
    """The same request in HTTP/1.0."""
    resumption: Resumption | None = None
    repeated: Message | None = None
    """The same request again, after the first one was aborted in its middle."""
    cross_origin: Message | None = None
    """The request with the field Origin; ``main`` itself if it may be sent once only."""
    preflight: Message | None = None
    """The OPTIONS request that a browser sends before it; None if it sends none."""
    origin: str = ""
    versions: tuple[str, ...] | None = None
    """The protocols that the server accepts by ALPN, as in ("h2", "http/1.1"); None without TLS."""
    may_repeat: bool = True
    """Whether the request may be sent more than once: its method is safe, or the user allows it."""
    idle: float = 0.0
    """Seconds of silence after which a heartbeat is expected; 0: not asked."""

    @property
    def others(self) -> list[Message]:
        """Further streams of the same request, which confirm what the main one shows."""
        found = (self.identity, self.repeated, self.old)
        return [one for one in found if one is not None and one.status == 200]
