"""A server's life in one process, from its socket to its end.

A signal that comes while the app is imported, before there is anything to drain, ends the
process at once, and counts as a proper end like any other that was asked for.

The first SIGTERM or SIGINT drains: streams end cleanly, within the grace period. A second cuts
what is left, and from then on signals do what they do to any process. A worker leaves the
counting to its supervisor, since a terminal or a service manager signals the whole family, and
so a worker hears everything twice.
"""

import asyncio
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ssl import SSLContext
from types import FrameType

from streamserver.server.listener import Listener
from streamserver.server.settings import Settings
from streamserver.server.shared import Handler, Observer
from streamserver.server.workers import Supervisor, obey

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stopped(BaseException):
    """A signal came before there was a server to stop.

    No Exception: an app that survives what fails while it is imported must not survive this.
    """


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
    leave()


@contextmanager
def stoppable() -> Iterator[None]:
    """While inside, a signal raises Stopped, until a loop takes the signals over."""
    before = {number: signal.signal(number, _stop) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def leave() -> None:
    """Hold signals back for good: all has ended, and another must not change the exit status.

    Blocked, since the loop and then the interpreter give them back their default action as they
    are closed, whatever handler there is.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)


def _stop(number: int, frame: FrameType | None) -> None:
    # Once only: another would interrupt the way out. And not SIG_IGN, which Python reports as a
    # race where the other signal is already waiting for its handler.
    for each in SIGNALS:
        signal.signal(each, lambda number, frame: None)
    raise Stopped


def _on_signals(react: Callable[[], object]) -> None:
    loop = asyncio.get_running_loop()
    for number in SIGNALS:
        loop.add_signal_handler(number, react)


def _abort(listener: Listener) -> None:
    listener.abort()
    for number in SIGNALS:
        asyncio.get_running_loop().remove_signal_handler(number)
        signal.signal(number, signal.SIG_DFL)
