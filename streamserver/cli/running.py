"""A server's life in one process, from its socket to its end.

A signal that comes while the app is imported, before there is anything to drain, ends the
process at once: with exit status 0 after SIGTERM, and 130 after SIGINT, as a shell has it.

The first SIGTERM or SIGINT drains: streams end cleanly, within the grace period. A second cuts
what is left, and from then on signals do what they do to any process. A worker leaves the
counting to its supervisor, since a terminal or a service manager signals the whole family, and
so a worker hears everything twice.

SIGHUP, SIGUSR1 and SIGUSR2 are logged and ignored, in a supervisor and in its workers too.
"""

import asyncio
import logging
import signal
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from ssl import SSLContext
from types import FrameType

from streamserver.cli import logs
from streamserver.server.listener import Listener
from streamserver.server.observer import Observer
from streamserver.server.settings import Settings
from streamserver.server.state import Handler
from streamserver.server.workers import Supervisor, obey

SIGNALS = (signal.SIGINT, signal.SIGTERM)
IGNORED = (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
"""What other servers take for an order to reload or to reopen logs; by default they would kill."""

logger = logging.getLogger("streamserver")


class Stopped(BaseException):
    """A signal came before there was a server to stop; `status` is the exit status for it.

    No Exception: an app that survives what fails while it is imported must not survive this.
    """

    def __init__(self, number: int) -> None:
        super().__init__(signal.strsignal(number))
        self.status = 130 if number == signal.SIGINT else 0


@dataclass(frozen=True, slots=True)
class Site:
    """What is served, wherever it is served."""

    handler: Handler
    settings: Settings
    observer: Observer
    tls: SSLContext | None
    close: Callable[[], Awaitable[object]]
    """Closes what the handler keeps open."""

    def listener(self) -> Listener:
        """One that is still to be started."""
        return Listener(self.handler, self.settings, self.observer)

    async def stop(self, listener: Listener) -> None:
        """Drain it, and close what its handler keeps open."""
        await listener.stop(self.settings.grace)
        await self.close()


def announce(form: str, url: str) -> None:
    """Print where the server listens, for the user and for programs that wait for it."""
    print(logs.listening(form, url), flush=True)


async def alone(site: Site, sock: socket.socket, announce: Callable[[str], object]) -> None:
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
    await site.stop(listener)


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
        await site.stop(listener)
        orders.cancel()
        await asyncio.wait([orders])


async def supervise(supervisor: Supervisor) -> None:
    """Keep the workers alive until a signal comes and all have ended."""
    _on_signals(supervisor.stop)
    await supervisor.run()
    leave(asyncio.get_running_loop().remove_signal_handler)


def stoppable() -> None:
    """From now on a signal that stops raises Stopped, until a loop handles those signals, and
    those without a meaning are logged and ignored."""
    for number in SIGNALS:
        signal.signal(number, _stop)
    for number in IGNORED:
        if signal.getsignal(number) is not signal.SIG_IGN:  # which nohup sets for our children too
            signal.signal(number, _ignore)
    unblock()


def unblock() -> None:
    """Let signals through that were blocked while the commands were imported."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, IGNORED)


def leave(let_go: Callable[[int], object] = lambda number: None) -> None:
    """Ignore signals for good: all has ended, and another must not change the exit status.

    `let_go` takes a signal from the loop, which else gives it back its default action when it
    is closed. Blocked meanwhile; and ignored too, since other threads have not blocked them.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    for number in SIGNALS:
        let_go(number)
        signal.signal(number, signal.SIG_IGN)


def _stop(number: int, frame: FrameType | None) -> None:
    # Once only: another would interrupt the way out. And not SIG_IGN, which Python reports as a
    # race where the other signal is already waiting for its handler.
    for each in SIGNALS:
        signal.signal(each, lambda number, frame: None)
    raise Stopped(number)


def _ignore(number: int, frame: FrameType | None) -> None:
    name = signal.Signals(number).name
    logger.warning("ignored %s: only SIGTERM and SIGINT have a meaning, and stop the server", name)


def _on_signals(react: Callable[[], object]) -> None:
    loop = asyncio.get_running_loop()
    for number in SIGNALS:
        loop.add_signal_handler(number, react)


def _abort(listener: Listener) -> None:
    listener.abort()
    for number in SIGNALS:
        asyncio.get_running_loop().remove_signal_handler(number)
        signal.signal(number, signal.SIG_DFL)
