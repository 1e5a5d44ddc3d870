"""A server's life: from its listening sockets to its end, in one process or in several.

The first SIGTERM or SIGINT drains: streams end cleanly, within the grace period. A second one cuts
the open streams. A worker never counts signals, its supervisor does: a terminal and a service
manager signal the whole process group, so a worker receives each signal twice.
"""

import asyncio
import importlib
import logging
import os
import sys
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from functools import partial
from io import UnsupportedOperation
from pathlib import Path
from socket import socket
from ssl import SSLContext
from typing import TypeAlias

from streamserver.kit.tasks import cancel
from streamserver.observe.accesslog import AccessLog
from streamserver.server.descriptors import grow_table
from streamserver.server.listener import Listener
from streamserver.server.observer import Observer
from streamserver.server.settings import Settings
from streamserver.server.sockets import listen_tcp, listen_unix, url_of
from streamserver.server.state import Handler
from streamserver.server.worker import VARIABLE, Report, inherit, obey
from streamserver.server.workers import Supervisor
from streamserver.serving import signals
from streamserver.serving.inherited import listen_inherited
from streamserver.serving.notify import Notifier
from streamserver.serving.reload import restart_at_changes
from streamserver.serving.watch import watched
from streamserver.wire.forwarded import TrustedPeers

logger = logging.getLogger("streamserver")

LoopFactory: TypeAlias = Callable[[], asyncio.AbstractEventLoop]
Announce: TypeAlias = Callable[[str], None]
Supervised: TypeAlias = tuple[Mapping[str, str], Callable[[int], object]]


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen: the inherited descriptor `fd` if it is set, else those that a service
    manager has `passed`, each with its name, else a Unix socket, else a host and port.

    TypeError or ValueError for what is none.
    """

    host: str
    port: int
    uds: str | None = None
    fd: int | None = None
    passed: Mapping[int, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, value in (("host", self.host), ("uds", self.uds or "")):
            if not isinstance(value, str):
                raise TypeError(f"{name} is a str, not {type(value).__name__}")
        if not isinstance(self.port, int) or not 0 <= self.port <= 65535:
            raise ValueError(f"port is a whole number from 0 to 65535, not {self.port!r}")
        if self.fd is not None and (not isinstance(self.fd, int) or self.fd < 0):
            raise ValueError(f"fd is the number of an open descriptor, not {self.fd!r}")

    def __str__(self) -> str:
        if self.fd is not None:
            return f"--fd {self.fd}"
        return self.uds or f"{self.host}, port {self.port}"

    @contextmanager
    def listen(self, count: int = 1) -> Iterator[list[list[socket]]]:
        """While inside, the listening sockets of each of `count` processes. Raises CannotListen."""
        chosen = {} if self.fd is None else {self.fd: f"descriptor {self.fd}"}
        if chosen or self.passed:
            with listen_inherited(chosen or self.passed) as sockets:
                yield [sockets] * count
            return
        at = listen_unix(self.uds, count) if self.uds else listen_tcp(self.host, self.port, count)
        with at as each:
            yield [[sock] for sock in each]


@dataclass(frozen=True, slots=True)
class Server:
    """What is served, in whichever process."""

    handler: Handler
    settings: Settings
    observer: Observer | None
    tls: SSLContext | None
    close: Callable[[], Awaitable[object]]
    """Closes what the handler keeps open."""
    trusted: TrustedPeers | None = None
    """The proxies that name their clients; None: nobody is trusted."""
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


def uvloop_factory() -> LoopFactory | None:
    """What makes a loop of uvloop, if it is installed."""
    try:
        factory: LoopFactory = importlib.import_module("uvloop").new_event_loop
    except ImportError:
        return None
    return factory


def is_worker() -> bool:
    """Whether a supervisor has started this process, before `take_inherited`."""
    return VARIABLE in os.environ


def take_inherited() -> str | None:
    """The sockets that a supervisor passed to this process; None if it is not a worker.

    The variable is removed, or a server that the app starts would take itself for a worker.
    """
    return os.environ.pop(VARIABLE, None)


def serve_until_stopped(
    server: Server,
    address: Address,
    announce: Announce,
    *,
    workers: int,
    loop_factory: LoopFactory,
    inherited: str | None,
    supervised: AbstractContextManager[Supervised] | None = None,
    fixed: str = "",
) -> None:
    """Serve until a signal arrives and all streams have ended. Raises CannotListen.

    `announce` is called with the URL. `inherited` is from `take_inherited`. A supervisor enters
    `supervised` for the environment of its workers and a callback for the pid of each that ended.
    `fixed` names further settings that a restart of the workers does not change.
    """
    fixed = f"{address}, --workers {workers}{fixed}"
    if inherited:
        _run(loop_factory, _watched(server, _work(server, fixed, *inherit(inherited))))
        return
    with address.listen(workers) as slots, Notifier.take(os.environ) as notifier:
        report = partial(_report, announce, notifier, server, slots[0])
        if workers == 1 and server.reload is None:
            _run(loop_factory, _watched(server, _serve(server, slots[0], report, notifier)))
            return
        with supervised or nullcontext((os.environ, _ignore_exit)) as (environment, on_exit):
            supervisor = Supervisor(
                # The same command line, with the interpreter's own options.
                [sys.executable, *sys.orig_argv[1:]],
                environment,
                slots,
                grace=server.settings.grace,
                announce=report,
                on_exit=on_exit,
                on_restarted=notifier.restarted,
                fixed=fixed,
                hands_over=server.reload is None,
            )
            _run(asyncio.new_event_loop, _supervise(supervisor, notifier, server.reload))


def _ignore_exit(pid: int) -> None: ...


def _report(
    announce: Announce, notifier: Notifier, server: Server, sockets: Sequence[socket], first: str
) -> None:
    urls = [url_of(sock, server.tls is not None) for sock in sockets]
    for url in urls:
        announce(url)
    notifier.ready(f"listening on {', '.join(urls)}")


def _refuse_restart(notifier: Notifier) -> None:
    reason = "a restart without a refused connection needs --workers 2 or more"
    logger.warning("ignored SIGHUP: %s", reason)
    # `systemctl reload` waits for both.
    notifier.reloading()
    notifier.restarted(reason)


def _run(loop_factory: LoopFactory, life: Coroutine[None, None, None]) -> None:
    grow_table()
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(life)


async def _watched(server: Server, life: Coroutine[None, None, None]) -> None:
    with server.watched():
        await life


async def _serve(
    server: Server, sockets: Sequence[socket], announce: Announce, notifier: Notifier
) -> None:
    listener = server.listener()
    stopping = asyncio.Event()

    def on_signal() -> None:
        if stopping.is_set():
            listener.abort()
            signals.reset()
        notifier.stopping()
        stopping.set()

    signals.on_signals(on_signal)
    signals.on_hangup(partial(_refuse_restart, notifier))
    for sock in sockets:
        await listener.start(sock=sock, ssl=server.tls)
    announce(listener.url)
    notifier.watch()
    await stopping.wait()
    await server.stop(listener)


async def _work(server: Server, fixed: str, sockets: Sequence[socket], lifeline: socket) -> None:
    """Serve as a worker, until a signal or an order arrives or the supervisor has ended."""
    listener = server.listener()
    stopping: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

    def retire() -> None:
        if not stopping.done():
            stopping.set_result(True)

    def drain() -> None:
        if not stopping.done():
            stopping.set_result(False)
        else:
            listener.hurry()

    signals.on_signals(drain)
    signals.on_hangup()
    for sock in sockets:
        await listener.start(sock=sock, ssl=server.tls)
    report = Report(listener.url, server.settings.grace, fixed)
    with lifeline:
        orders = asyncio.create_task(
            obey(lifeline, report, drain=drain, retire=retire, abort=listener.abort)
        )
        has_successor = await stopping
        await server.stop(listener, has_successor=has_successor)
        orders.cancel()
        await asyncio.wait([orders])


async def _supervise(supervisor: Supervisor, notifier: Notifier, reload: Path | None) -> None:
    def stop() -> None:
        notifier.stopping()
        supervisor.stop()

    def restart() -> None:
        if signals.is_terminal_closed():
            logger.warning("ignored SIGHUP: the terminal on standard input has closed")
        else:
            notifier.reloading()
            supervisor.restart()

    loop = asyncio.get_running_loop()
    signals.on_signals(stop)
    signals.on_hangup(partial(loop.call_soon_threadsafe, restart))
    notifier.watch(supervisor.silent)
    tasks = []
    if reload is not None:
        tasks.append(asyncio.create_task(restart_at_changes(reload, supervisor.restart)))
    await supervisor.run()
    await cancel(tasks)
    signals.ignore(loop.remove_signal_handler)
