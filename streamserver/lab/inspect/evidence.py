"""The messages that the verdicts judge."""

from dataclasses import dataclass

from streamserver.lab.inspect.recording import Message


@dataclass(frozen=True, slots=True)
class Resumption:
    """A second request, with the id of the last event of the first one in Last-Event-ID."""

    sent: str
    """The id."""
    message: Message


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
    """The request with the field Origin, and ``preflight`` the OPTIONS request before it."""
    preflight: Message | None = None
    origin: str = ""
    versions: tuple[str, ...] | None = None
    """The protocols that the server accepts by ALPN, as in ("h2", "http/1.1")."""
    idle: float = 0.0
    """Seconds of silence after which a heartbeat is expected; 0: not asked."""
