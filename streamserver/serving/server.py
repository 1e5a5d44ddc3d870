"""What is served, and how a listener for it starts and stops."""

import sys
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass
from io import UnsupportedOperation
from pathlib import Path
from ssl import SSLContext

from streamserver.observe.accesslog import AccessLog
from streamserver.server.listener import Listener
from streamserver.server.observer import Observer
from streamserver.server.settings import Settings
from streamserver.server.state import Handler
from streamserver.serving.watch import watched
from streamserver.wire.forwarded import TrustedPeers


@dataclass(frozen=True, slots=True)
class Server:
    """What is served, in one process or in each worker."""

    handler: Handler
    settings: Settings
    observer: Observer | None
    tls: SSLContext | None
    close: Callable[[], Awaitable[object]]
    """Closes what the handler keeps open."""
    trusted: TrustedPeers | None = None
    """The proxies that name their clients; None: no peer is trusted."""
    identifies: bool = False
    """Whether each request gets an id."""
    proxy_protocol: bool = False
    """Whether connections begin with a PROXY header."""
    loop_health: bool = True
    """Whether a thread watches the event loop."""
    reload: Path | None = None
    """The directory in which a change of a source file restarts a worker; None: there is none."""

    def listener(self) -> Listener:
        """A listener that is not started."""
        return Listener(
            self.handler,
            self.settings,
            self.observer,
            trusted=self.trusted,
            identifies=self.identifies,
            proxy_protocol=self.proxy_protocol,
        )

    def watched(self) -> AbstractContextManager[None]:
        """While inside, what blocks the running loop is logged."""
        return watched(self.observer) if self.loop_health else nullcontext()

    async def stop(self, listener: Listener, *, has_successor: bool = False) -> None:
        """Drain, then close what the handler keeps open. If cancelled, cut what is open."""
        try:
            await listener.stop(has_successor=has_successor)
        except BaseException:
            listener.close()
            raise
        finally:
            await self.close()


def access_log_of(form: str) -> AccessLog | None:
    """An access log on standard output; None if that has no descriptor."""
    # `sys.stdout` is None if descriptor 1 was closed at the start: it may be a client's by now.
    with suppress(AttributeError, UnsupportedOperation):
        return AccessLog(sys.stdout.fileno(), form)
    return None
