"""Notifications to a service manager, by the protocol of sd_notify(3).

A notification is a datagram of `NAME=VALUE` lines to the Unix socket that NOTIFY_SOCKET names.
Without the variable nothing is sent. A socket that cannot be reached costs one warning, and the
server continues.

The watchdog is a timer of the event loop, so a handler that blocks the loop blocks the watchdog
too, and the manager restarts the service. In a supervisor it also asks the loops of the workers.
"""

import asyncio
import logging
import os
import re
import socket
import time
from collections.abc import Callable, MutableMapping, Sequence
from typing import Self

from streamserver.wire.printable import printable

VARIABLES = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")
PATIENCE = 1.0
"""Seconds that a full queue of the manager may delay a notification, and the event loop. The
watchdog does not wait, because it repeats its notifications."""
LEAST = 0.01
"""Seconds between two beats at least."""
SOON = 0.25
"""The part of a watchdog's interval after which a silent worker is asked again, or a notification
repeated that was not sent."""

logger = logging.getLogger("streamserver")


class Notifier:
    """Notifies the manager at the address ``target``; an empty one does nothing.

    ``watchdog`` is the longest time between two beats, in seconds; 0: there is no watchdog.
    """

    def __init__(self, target: str = "", watchdog: float = 0.0) -> None:
        self._target = re.sub("^@", "\0", target)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) if target else None
        self._interval = max(LEAST, watchdog / 2) if target and watchdog else 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._has_failed = self._is_ready = self._is_stopping = False
        self._silent: Sequence[int] = ()
        self._normal = ""

    @classmethod
    def take(cls, environment: MutableMapping[str, str]) -> Self:
        """The notifier that these variables describe. They are removed: a program that the app
        starts, or a worker, must not notify in place of this process."""
        target, interval, pid = (environment.pop(name, "") for name in VARIABLES)
        if target[:1] not in ("", "/", "@"):
            logger.warning("NOTIFY_SOCKET is ignored: %r is no absolute path and no @NAME", target)
            return cls()
        if not interval or pid not in ("", str(os.getpid())):
            return cls(target)
        if not re.fullmatch("[1-9][0-9]{0,17}", interval):
            logger.warning("WATCHDOG_USEC is ignored: %r is no number of microseconds", interval)
            return cls(target)
        return cls(target, int(interval) / 1e6)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def ready(self, status: str) -> None:
        """The server listens; ``status`` is a line about that for people."""
        self._normal = status
        self._is_ready = True
        self._send("READY=1", _status(status))

    def reloading(self) -> None:
        """The server begins to restart its workers; ``restarted`` follows. Before ``ready`` and
        after ``stopping`` neither is sent, because READY would end that state."""
        now = time.monotonic_ns() // 1000
        if self._is_ready:
            self._send("RELOADING=1", f"MONOTONIC_USEC={now}", _status("new workers start"))

    def restarted(self, reason: str = "") -> None:
        """The restart is over; if it failed, for this reason."""
        if self._is_ready:
            self._send("READY=1", _status(f"not restarted: {reason}" if reason else self._normal))

    def stopping(self) -> None:
        """The server begins to stop; further calls do nothing."""
        if not self._is_stopping:
            self._is_stopping, self._is_ready = True, False
            self._send("STOPPING=1", _status("the open responses have the grace period to end"))

    def watch(self, silent: Callable[[], Sequence[int]] = tuple) -> None:
        """Notify the watchdog while the running loop runs and ``silent`` returns no pid of a worker
        whose loop has not answered since the last call."""
        if self._interval:
            self._beat(asyncio.get_running_loop(), silent)

    def _beat(self, loop: asyncio.AbstractEventLoop, silent: Callable[[], Sequence[int]]) -> None:
        before, self._silent = self._silent, silent()
        is_sent = not self._silent and self._send("WATCHDOG=1", waits=False)
        if self._silent and not before:
            pids = ", ".join(map(str, self._silent))
            logger.error("the watchdog waits for workers whose event loop is blocked: pid %s", pids)
        delay = self._interval * (1 if is_sent else SOON)
        self._timer = loop.call_later(delay, self._beat, loop, silent)

    def _send(self, *lines: str, waits: bool = True) -> bool:
        """Whether it was sent."""
        if self._socket is None:
            return False
        try:
            self._socket.settimeout(PATIENCE if waits else 0.0)
            self._socket.sendto("\n".join(lines).encode(), self._target)
        except OSError as error:
            if not self._has_failed:
                self._has_failed = True
                logger.warning("the service manager cannot be notified: %s", error)
            return False
        return True


def _status(text: str) -> str:
    return f"STATUS={printable(text)}"
