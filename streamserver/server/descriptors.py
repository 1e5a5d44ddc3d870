"""The descriptors of the process: one budget, and what happens when the kernel has none left.

A client holds one descriptor. An exchange may take more: a download opens its file and
duplicates its socket, a relayed request opens a connection to the upstream. All of them are
counted here, and a request that would exceed the limit of the process gets a 503. Descriptors
that are not counted (listening sockets, logs, those that handlers open) have a reserve. If the
kernel refuses one nevertheless, the request gets the same 503.
"""

import errno
import logging
import os
import resource
from contextlib import suppress
from fcntl import F_DUPFD_CLOEXEC, fcntl
from functools import cache
from time import monotonic
from typing import TypeGuard

from streamserver.wire.problem import HTTPError

log = logging.getLogger("streamserver")

RESERVE = 256
"""Descriptors that are not in the budget; half of them are for connections that get a 503."""
FOR_EXCHANGES = 256
"""Descriptors of the budget that are kept for the files and upstreams of connected clients."""
UNLIMITED = 1_000_000
TABLE = 65_536
"""Descriptors for which the kernel's table is made large enough; it then has 512 KiB."""
REPORT_EVERY = 10.0
"""Seconds between two log lines about the same consequence of an exhausted system."""

_EXHAUSTED = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM))


def is_exhausted(error: BaseException) -> TypeGuard[OSError]:
    """Whether the kernel refused a descriptor or the memory that belongs to one."""
    return isinstance(error, OSError) and error.errno in _EXHAUSTED


def unavailable(purpose: str) -> HTTPError:
    """The answer to a request for which no descriptor is left; it also frees the client's."""
    fields = {"Retry-After": "1", "Connection": "close"}
    return HTTPError(503, f"this server has no descriptor left for {purpose}", headers=fields)


class Descriptors:
    """How many descriptors may be held at once by clients, files and upstreams: ``total``.

    ``refusals`` is how many refused connections may be open besides.
    """

    __slots__ = ("_clients", "_most_clients", "_reported", "in_use", "refusals", "total")

    def __init__(self, total: int, refusals: int) -> None:
        self.total = total
        self.refusals = refusals
        self.in_use = 0
        self._clients = 0
        self._most_clients = total - min(total // 4, FOR_EXCHANGES)
        self._reported: dict[str, float] = {}

    @property
    def has_room_for_client(self) -> bool:
        """Whether one more client can be admitted."""
        return self._clients < self._most_clients and self.in_use < self.total

    def add_client(self) -> None:
        """Acquire one for a client, which was admitted."""
        self._clients += 1
        self.in_use += 1

    def remove_client(self) -> None:
        """Release that of a client."""
        self._clients -= 1
        self.in_use -= 1

    def acquire(self, count: int, purpose: str) -> None:
        """Acquire ``count`` for an exchange; HTTPError 503 when fewer are left."""
        if self.in_use + count > self.total:
            self._report(f"no descriptor left for {purpose}: answering 503", "budget in use")
            raise unavailable(purpose)
        self.in_use += count

    def release(self, count: int) -> None:
        """Release what was acquired."""
        self.in_use -= count

    def report(self, error: OSError, consequence: str) -> bool:
        """Log a refusal of the kernel in one line, unless the same was logged recently; whether
        it was logged."""
        return self._report(consequence, os.strerror(error.errno or 0))

    def _report(self, consequence: str, reason: str) -> bool:
        now = monotonic()
        is_due = now >= self._reported.get(consequence, 0.0)
        if is_due:
            self._reported[consequence] = now + REPORT_EVERY
            soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
            log.error("%s (%s; the limit of open files is %d)", consequence, reason, soft)
        return is_due


def budget(limit: int) -> Descriptors:
    """The budget of a process that may open so many files, or ``resource.RLIM_INFINITY``."""
    if limit == resource.RLIM_INFINITY:
        return Descriptors(UNLIMITED, RESERVE // 2)
    reserve = min(RESERVE, limit // 2)
    return Descriptors(limit - reserve, reserve // 2)


@cache
def of_process() -> Descriptors:
    """The budget that all listeners of this process share, by the limit at the first call."""
    return budget(resource.getrlimit(resource.RLIMIT_NOFILE)[0])


def grow_table() -> None:
    """Let the kernel's table of descriptors grow to the limit of the process, at most to ``TABLE``.

    Later the kernel doubles it when it is full. In a process with threads, the call that opens the
    next descriptor then waits until all cores have seen the new table: 10 to 17 ms.
    """
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    highest = TABLE if limit == resource.RLIM_INFINITY else min(limit, TABLE)
    # Without a free descriptor the table is as large as it can be.
    with suppress(OSError), open(os.devnull, "rb") as file:
        os.close(fcntl(file, F_DUPFD_CLOEXEC, highest - 1))
