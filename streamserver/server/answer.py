"""What a handler may return, as far as the engine must know.

The engine must not import the kit, so an answer is any object that has these members.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, BinaryIO, NamedTuple, Protocol, TypeGuard

from streamserver.server.descriptors import Descriptors, is_exhausted, unavailable
from streamserver.wire.content_coding import Coder
from streamserver.wire.fields import Headers
from streamserver.wire.problem import CONTENT_TYPE, HTTPError

log = logging.getLogger("streamserver")

FAILED = "the server failed to answer this request"


class Endless(NamedTuple):
    """How a body with no end of its own is kept alive, and how it may be ended early.

    Only an event stream has this: its reader reconnects, wherever it stops. Any other body that
    is ended early is cut, because a last-chunk would signal that it is whole.
    """

    beat: bytes
    """Sent whenever nothing was sent for ``interval``."""
    interval: float | None
    """Seconds; 0 for no heartbeat, None for the ``heartbeat`` setting."""
    farewell: Callable[[int], bytes] | None
    """Makes the last piece, when the engine ends the stream: at shutdown or at ``max_stream``, for
    so many connections at once. None: the stream has an end of its own, and is cut as any other
    body."""


@dataclass(frozen=True, slots=True)
class FileRegion:
    """A body that lies in a file: ``count`` bytes from ``offset``. The engine closes it."""

    file: BinaryIO
    offset: int
    count: int


class PushBody(Protocol):
    """A body that writes to its ``Exchange`` by itself, whenever it has something to send.

    A body whose pieces are encoded elsewhere, once for many readers, has a method ``make_coder``
    besides: it returns the ``Coder`` of one response, for a content coding. A body that holds
    pieces back has a method ``flushed``, which sends them before the engine ends the body early.
    """

    def attach(self, exchange: Any, encode: Callable[[Any], bytes] | None) -> None:
        """The head is made: write to ``exchange`` from now on, until ``end`` or ``fail``."""

    def drained(self) -> None:
        """The client has room again: ``exchange.desired_size`` is positive."""

    def cancelled(self, exchange: Any) -> None:
        """``exchange`` has ended before the body has, or never began."""


def is_push(body: object) -> TypeGuard[PushBody]:
    """Whether a body writes by itself."""
    return hasattr(body, "attach")


class Answer(Protocol):
    """A response as the engine sees it.

    ``body`` is bytes, a ``FileRegion``, a ``PushBody`` or an async iterable. ``encode`` makes
    the bytes of each piece of the latter two; None where pieces are bytes or text. ``make_coder``
    makes what encodes these bytes in the content coding that ``headers`` name; None where the body
    is not coded, or is coded already.
    """

    status: int
    headers: Headers
    body: Any
    encode: Callable[[Any], bytes] | None
    endless: Endless | None
    make_coder: Callable[[], Coder] | None


class Problem:
    """The response for an error (RFC 9457)."""

    __slots__ = ("body", "encode", "endless", "headers", "make_coder", "status")

    def __init__(self, error: HTTPError) -> None:
        self.status = error.status
        self.headers = Headers(error.headers)
        self.headers["content-type"] = CONTENT_TYPE
        self.body = error.body()
        self.encode: Callable[[Any], bytes] | None = None
        self.endless: Endless | None = None
        self.make_coder: Callable[[], Coder] | None = None


def problem_of(error: BaseException, name: str, descriptors: Descriptors) -> HTTPError:
    """``error`` if it is a response. Any other is logged with the request's name, and becomes a
    500; a 503 if the system has no resources left."""
    if isinstance(error, HTTPError):
        return error
    if is_exhausted(error):
        descriptors.report(error, "requests are answered with 503")
        return unavailable("this request")
    log.error("%s failed", name, exc_info=error)
    return HTTPError(500, FAILED)
