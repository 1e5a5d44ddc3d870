"""What a handler may answer with, as far as the engine must know.

The engine sits below the kit, whose classes a handler uses, so it names only the shape it
needs. Anything of this shape is an answer.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple, Protocol, TypeGuard

from streamserver.wire.fields import Headers
from streamserver.wire.problem import CONTENT_TYPE, HTTPError

if TYPE_CHECKING:
    from streamserver.server.exchange import Exchange


class Endless(NamedTuple):
    """How a body with no end of its own is kept alive, and how it may be ended early.

    Only a body that means the same wherever it stops has this: an event stream, whose
    reader reconnects. Any other body that is ended early is cut, since a last-chunk would
    tell its reader that it is whole.
    """

    beat: bytes
    """Sent whenever the body has been silent for ``interval``."""
    interval: float | None
    """Seconds; 0 for no beat, None for the engine's ``heartbeat`` setting."""
    farewell: Callable[[], bytes]
    """The last piece, when the engine ends the stream: at shutdown or at ``max_stream``."""


@dataclass(frozen=True, slots=True)
class FileRegion:
    """A body that lies in a file: ``count`` bytes from ``offset``. The engine closes it."""

    file: BinaryIO
    offset: int
    count: int


class PushBody(Protocol):
    """A body driven from outside: it writes to the exchange whenever it has something."""

    def attach(self, exchange: "Exchange", encode: Callable[[Any], bytes] | None) -> None:
        """The head is out: write to ``exchange`` from now on, until ``end`` or ``fail``."""

    def drained(self) -> None:
        """The client has caught up: ``exchange.desired_size`` is positive again."""

    def cancelled(self, exchange: "Exchange") -> None:
        """Nobody reads ``exchange`` any more, or it never began."""


def is_push(body: object) -> TypeGuard[PushBody]:
    """Whether a body is one that writes by itself."""
    return hasattr(body, "attach")


class Answer(Protocol):
    """A response as the engine sees it.

    ``body`` is bytes, a ``FileRegion``, a ``PushBody`` or an async iterable. ``encode`` makes
    the bytes of each piece of the latter two, so that no generator stands between a
    handler's and the wire; None where pieces are bytes.
    """

    status: int
    headers: Headers
    body: Any
    encode: Callable[[Any], bytes] | None
    endless: Endless | None


class Problem:
    """The answer that an error is (RFC 9457)."""

    __slots__ = ("body", "encode", "endless", "headers", "status")

    def __init__(self, error: HTTPError) -> None:
        self.status = error.status
        self.headers = Headers(error.headers)
        self.headers["content-type"] = CONTENT_TYPE
        self.body = error.body()
        self.encode: Callable[[Any], bytes] | None = None
        self.endless: Endless | None = None
