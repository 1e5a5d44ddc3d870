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
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from socket import socket
from typing import TypeAlias

from streamserver.kit import slots
from streamserver.kit.tasks import cancel
from streamserver.server.descriptors import grow_table
from streamserver.server.sockets import url_of
from streamserver.serving import signals
from streamserver.serving.address import Address
from streamserver.serving.notify import Notifier
from streamserver.serving.reload import restart_at_changes
from streamserver.serving.server import Server
from streamserver.serving.supervisor import Supervisor
from streamserver.serving.worker import VARIABLE, Report, inherit, obey

logger = logging.getLogger("streamserver")

SAME_PROGRAM = [sys.executable, *sys.orig_argv[1:]]
"""The command line of this process, with the interpreter's own options."""

LoopFactory: TypeAlias = Callable[[], asyncio.AbstractEventLoop]
Announce: TypeAlias = Callable[[str], None]
Supervised: TypeAlias = tuple[Mapping[str, str], Callable[[int], object]]


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
    slots.inherit()
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
        return _run(loop_factory, _watch(server, _work(server, fixed, *inherit(inherited))))
    with address.listen(workers) as sockets, Notifier.take(os.environ) as notifier:
        report = partial(_report, announce, notifier, server, sockets[0])
        if workers == 1 and server.reload is None:
            return _run(loop_factory, _watch(server, _serve(server, sockets[0], report, notifier)))
        supervised = supervised or nullcontext((os.environ, _ignore_exit))
        with supervised as (environment, on_exit), slots.shared_file() as shared:
            supervisor = Supervisor(
                SAME_PROGRAM,
                {**environment, slots.VARIABLE: " ".join(map(str, shared))},
                sockets,
                grace=server.settings.grace,
                announce=report,
                on_exit=on_exit,
                on_restarted=notifier.restarted,
                fixed=fixed,
                hands_over=server.reload is None,
                shared=shared,
            )
            _run(asyncio.new_event_loop, _supervise(supervisor, notifier, server.reload))


def _ignore_exit(pid: int) -> None: ...


def _report(
    announce: Announce, notifier: Notifier, server: Server, sockets: Sequence[socket], first: str
) -> None:
    urls = [url_of(sock, server.tls is not None) for sock in sockets]
    for url in urls:
        try:
            announce(url)
        except OSError as error:  # such as a full disk
            logger.warning("%s is not written to standard output: %s", url, error)
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


async def _watch(server: Server, life: Coroutine[None, None, None]) -> None:
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
    signals.unblock()
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
