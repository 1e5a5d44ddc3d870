"""Protocols of the proxy: what a lower file needs of a higher one, and what a recorder offers."""

from collections.abc import Callable, Sequence
from typing import Protocol, TypeAlias

from streamserver.kit.request import Request
from streamserver.wire.chunked import End
from streamserver.wire.problem import HTTPError
from streamserver.wire.response_heads import ResponseHead

Parts: TypeAlias = Sequence[ResponseHead | bytes | End]
"""What one read of an upstream contained: interim heads, the head, pieces of the body, the end."""


class Recording(Protocol):
    """Receives a copy of one exchange with the upstream.

    Its methods are called before the bytes are passed on, so they must be quick and not raise.
    """

    def on_request_body(self, part: bytes, is_last: bool) -> None:
        """A part of the request's body was sent; called at least once where there is a body."""

    def on_response(self, parts: Parts) -> None:
        """Parts of the response were received."""


StartRecording: TypeAlias = Callable[[Request], Recording | None]
"""Called with each relayed request; None if it is not recorded."""


class Receiver(Protocol):
    """What receives a response from a connection to the upstream."""

    def on_response(self, parts: Parts) -> None:
        """One read contained these parts, at least one."""

    def on_failure(self, error: HTTPError) -> None:
        """The connection failed before the response was complete, and is closed."""

    def on_writable(self) -> None:
        """The upstream takes more of the request again."""


class Waiting(Protocol):
    """A relay that waits for its upstream."""

    def fail(self, error: Exception) -> None:
        """End with an error."""

    def on_late(self) -> None:
        """The upstream has sent no head in time."""


class Beating(Protocol):
    """A relay that sends heartbeats."""

    def beat(self) -> None:
        """The interval has passed."""


class Sender(Waiting, Protocol):
    """A relay that sends a request, as the upload of the body uses it."""

    recording: Recording | None

    def await_client(self) -> None:
        """The client has to send more: no deadline of the upstream runs."""

    def await_upstream(self) -> None:
        """The upstream has to respond, or to take more: its deadline starts."""
