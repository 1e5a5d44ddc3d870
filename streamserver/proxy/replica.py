"""One upstream: its connections, its open streams, its failures and its health."""

import logging
import time
from typing import NamedTuple, TypeGuard

from streamserver.proxy.health import Health
from streamserver.proxy.origin import Origin
from streamserver.proxy.pool import Pool
from streamserver.wire.problem import HTTPError

log = logging.getLogger("streamserver")


class LastFailure(NamedTuple):
    """An attempt that got no valid response."""

    time: float
    """Seconds since 1970."""
    detail: str
    is_sent: bool
    """Whether a part of the request was sent: there was a connection."""


class Replica:
    """An upstream. ``name``: for logs.

    Of a group: ``open``: how many requests have been sent to it and have not ended, from the choice
    of this replica to the end of the response; ``requests``: how many were, in all. ``failures``:
    the number of attempts without a valid response, with the ``last_failure``.
    """

    __slots__ = (
        *("failures", "health", "last_failure", "name", "open", "origin", "pool", "requests"),
    )

    def __init__(self, origin: Origin, pool: Pool, health: Health) -> None:
        self.origin = origin
        self.name = origin.name
        self.pool = pool
        self.health = health
        self.open = self.requests = self.failures = 0
        self.last_failure: LastFailure | None = None

    def note_failure(self, detail: str, is_sent: bool) -> None:
        """Count an attempt without a valid response."""
        self.failures += 1
        self.last_failure = LastFailure(time.time(), detail, is_sent)

    def succeed(self, number: int) -> None:
        """As ``Health.succeed``; a change is logged, as below."""
        if self.health.succeed(number):
            log.warning("upstream %s responds again", self.name)

    def fail(
        self,
        number: int,
        now: float,
        detail: str,
        is_sent: bool,
        cause: BaseException | None = None,
    ) -> None:
        """As ``Health.fail``, and count the failure. ``cause``: for the log."""
        self.note_failure(detail, is_sent)
        if self.health.fail(number, now):
            self._log_exclusion(now, f"{detail}: {cause}" if str(cause or "") else detail)

    def refuse(self, now: float, seconds: float, why: str) -> None:
        """As ``Health.refuse``."""
        if self.health.refuse(now, seconds):
            self._log_exclusion(now, why)

    def _log_exclusion(self, now: float, why: str) -> None:
        seconds = self.health.until - now
        log.warning("upstream %s gets no requests for %.1f s: %s", self.name, seconds, why)


def is_fault(error: Exception) -> TypeGuard[HTTPError]:
    """Whether an attempt failed because of the upstream. A 503 is the relay's own error: it is
    short of connections or descriptors."""
    return isinstance(error, HTTPError) and error.status in (502, 504)
