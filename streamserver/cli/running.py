"""A server's life in one process, from its socket to its end.

The first SIGTERM or SIGINT drains: streams end cleanly, within the grace period. A second cuts
what is left, and from then on signals do what they do to any process. A worker leaves the
counting to its supervisor, since a terminal or a service manager signals the whole family, and
so a worker hears everything twice.
"""

import asyncio
import signal
import socket
from collections.abc import Callable
from dataclasses import dataclass
from ssl import SSLContext

from streamserver.server.listener import Listener
from streamserver.server.settings import Settings
from streamserver.server.shared import Handler, Observer
from streamserver.server.workers import Supervisor, obey


@dataclass(frozen=True, slots=True)
class Site:
    """What is served, wherever it is served."""

    handler: Handler
    settings: Settings
    observer: Observer | None
    tls: SSLContext | None

    def listener(self) -> Listener:
        """One that is still to be started."""
        return Listener(self.handler, self.settings, self.observer)


def announce(url: str) -> None:
    """Tell the user, and whatever program waits for it, where the server listens."""
    print(f"listening on {url}", flush=True)


async def alone(site: Site, sock: socket.socket) -> None:
    """Serve until a signal comes and all has ended."""
    listener = site.listener()
    stopping = asyncio.Event()

    def on_signal() -> None:
        if stopping.is_set():
            _abort(listener)
        stopping.set()

    _on_signals(on_signal)
    await listener.start(sock=sock, ssl=site.tls)
    announce(listener.url)
    await stopping.wait()
    await listener.stop(site.settings.grace)


async def as_worker(site: Site, sock: socket.socket, lifeline: socket.socket) -> None:
    """Serve until a signal comes or the supervisor is gone, and all has ended."""
    listener = site.listener()
    stopping = asyncio.Event()
    _on_signals(stopping.set)
    await listener.start(sock=sock, ssl=site.tls)
    with lifeline:
        orders = asyncio.create_task(
            obey(lifeline, listener.url, drain=stopping.set, abort=listener.abort)
        )
        await stopping.wait()
        await listener.stop(site.settings.grace)
        orders.cancel()
        await asyncio.wait([orders])


async def supervise(supervisor: Supervisor) -> None:
    """Keep the workers alive until a signal comes and all have ended."""
    _on_signals(supervisor.stop)
    await supervisor.run()


def _on_signals(react: Callable[[], object]) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, react)


def _abort(listener: Listener) -> None:
    listener.abort()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().remove_signal_handler(number)
        signal.signal(number, signal.SIG_DFL)
