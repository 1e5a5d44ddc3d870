"""One upstream of a group: its connections, its open streams and its health."""

import logging

from streamserver.proxy.health import Health
from streamserver.proxy.origin import Origin
from streamserver.proxy.pool import Pool

log = logging.getLogger("streamserver")


class Replica:
    """An upstream. ``name``: for logs; ``open``: how many requests are sent to it and have not
    ended, from the choice of this replica to the end of the response."""

    __slots__ = ("health", "name", "open", "origin", "pool")

    def __init__(self, origin: Origin, pool: Pool, health: Health) -> None:
        self.origin = origin
        self.name = origin.name
        self.pool = pool
        self.health = health
        self.open = 0

    def succeed(self, number: int) -> None:
        """As ``Health.succeed``; a change is logged, as below."""
        if self.health.succeed(number):
            log.warning("upstream %s responds again", self.name)

    def fail(self, number: int, now: float, why: str) -> None:
        """As ``Health.fail``."""
        if self.health.fail(number, now):
            self._log_exclusion(now, why)

    def refuse(self, now: float, seconds: float, why: str) -> None:
        """As ``Health.refuse``."""
        if self.health.refuse(now, seconds):
            self._log_exclusion(now, why)

    def _log_exclusion(self, now: float, why: str) -> None:
        seconds = self.health.until - now
        log.warning("upstream %s gets no requests for %.1f s: %s", self.name, seconds, why)
