"""A response that refuses a request, kept while another replica is asked.

If no other replica responds, the client gets it as it was. It takes no more memory than what was
read with its head: the connection is not read any further.
"""

import re

from streamserver.proxy.ports import Parts
from streamserver.proxy.replica import Replica
from streamserver.proxy.upstream import UpstreamConnection
from streamserver.wire.chunked import End
from streamserver.wire.fields import parse_http_date
from streamserver.wire.problem import HTTPError
from streamserver.wire.response_heads import ResponseHead

_is_delay = re.compile(r"[0-9]{1,10}").fullmatch


class Refusal:
    """``parts``: those that were read; the rest comes from ``upstream``, unless it is None.
    ``replica``: that has sent it. ``error``: of the connection, if it failed since.

    Satisfies ``ports.Receiver``.
    """

    __slots__ = ("error", "parts", "replica", "upstream")

    def __init__(self, replica: Replica, upstream: UpstreamConnection | None, parts: Parts) -> None:
        self.replica = replica
        self.upstream = upstream
        self.parts = [*parts]
        self.error: HTTPError | None = None
        if upstream is not None:
            upstream.receiver = self
            upstream.pause_reading()

    def drop(self) -> None:
        """It is not needed."""
        if self.upstream is not None:
            self.upstream.abort()

    def on_response(self, parts: Parts) -> None:
        """A read that could not be prevented."""
        self.parts += parts
        if isinstance(parts[-1], End) and self.upstream is not None:
            self.upstream.abort()
            self.upstream = None

    def on_failure(self, error: HTTPError) -> None:
        """The connection has failed."""
        self.upstream, self.error = None, error

    def on_writable(self) -> None:
        """Do nothing: the whole request was sent."""


def delay_of(head: ResponseHead, now: float) -> float | None:
    """Seconds of the response's Retry-After (RFC 9110, section 10.2.3), 0 for a date that has
    passed; None without a valid one. ``now``: seconds since 1970."""
    values = [value for name, value in head.fields if name == "retry-after"]
    if len(values) != 1:
        return None
    if _is_delay(values[0]):
        return float(values[0])
    date = parse_http_date(values[0])
    return None if date is None else max(date - now, 0.0)
