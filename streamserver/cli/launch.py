"""From options to a server that runs until a signal comes, whichever command it is for."""

import asyncio
import logging
import os
import sys
from argparse import Namespace
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial
from socket import socket
from typing import TypeAlias

from streamserver.cli import figures, logs
from streamserver.cli.loops import loop_factory
from streamserver.cli.running import Site, alone, announce, as_worker, stoppable, supervise
from streamserver.cli.tls import server_context
from streamserver.kit.service import Handler, close, service
from streamserver.observe.accesslog import AccessLog
from streamserver.observe.probes import with_probes
from streamserver.server.observer import Several
from streamserver.server.settings import Settings
from streamserver.server.sockets import listen_tcp, listen_unix
from streamserver.server.state import Handler as EngineHandler
from streamserver.server.workers import VARIABLE, Supervisor, inherit

logger = logging.getLogger("streamserver")

Guard: TypeAlias = Callable[[EngineHandler], EngineHandler]


def prepare(argv: Sequence[str]) -> None:
    """Set up the log and the signals, first of all in a command that serves."""
    logs.configure(logs.asked(argv, os.environ), "info")
    stoppable()


def launch(
    options: Namespace,
    settings: Settings,
    make_handler: Callable[[], Handler],
    each_alone: str = "",
    guard: Guard | None = None,
    warnings: Sequence[str] = (),
) -> int:
    """Serve what `make_handler` makes, until a signal comes; the exit status.

    `warnings` are logged once, and `each_alone`, what each worker has for itself, where there are
    several workers. `guard` wraps all that is served, `/metrics` included.
    Raises CannotServe or CannotListen.
    """
    # Taken out, or a program of the app's that serves too would take itself for a worker.
    inherited = os.environ.pop(VARIABLE, None)
    logs.configure(options.log_format, options.log_level)
    for warning in () if inherited else warnings:
        logger.warning(warning)
    serves = bool(inherited) or options.workers == 1
    site = _site(options, settings, make_handler(), serves, guard)
    make_loop = loop_factory(options.loop)
    if inherited:
        _run(make_loop, as_worker(site, *inherit(inherited)))
        return 0
    with _listen(options) as sockets:
        if options.workers == 1:
            _run(make_loop, alone(site, sockets[0], partial(announce, options.log_format)))
        else:
            if each_alone:
                logger.warning(each_alone)
            with figures.of_workers(options.metrics) as (environment, on_exit):
                supervisor = _supervisor(options, environment, sockets, on_exit)
                _run(asyncio.new_event_loop, supervise(supervisor))
    return 0


def _site(
    options: Namespace, settings: Settings, handler: Handler, serves: bool, guard: Guard | None
) -> Site:
    tls = server_context(options.tls_cert, options.tls_key) if options.tls_cert else None
    # Python has no stdout where the descriptor is closed: its number may be a client's by then.
    logged = options.access_log and sys.stdout is not None
    log = AccessLog(sys.stdout.fileno(), options.log_format) if logged else None
    metrics = figures.metrics(options.metrics, serves)
    observers = [observer for observer in (log, metrics) if observer is not None]
    served = service(handler)
    if options.metrics is not False:
        served = with_probes(served, metrics)
    if guard is not None:
        served = guard(served)
    observer = observers[0] if len(observers) == 1 else Several(observers)
    return Site(served, settings, observer, tls, partial(close, handler))


def _listen(options: Namespace) -> AbstractContextManager[list[socket]]:
    if options.uds:
        return listen_unix(options.uds, options.workers)
    return listen_tcp(options.host, options.port, options.workers)


def _supervisor(
    options: Namespace,
    environment: Mapping[str, str],
    sockets: Sequence[socket],
    on_exit: Callable[[int], object],
) -> Supervisor:
    # The same command line, with the interpreter's own options.
    command = [sys.executable, *sys.orig_argv[1:]]
    return Supervisor(
        command,
        environment,
        sockets,
        grace=options.grace,
        announce=partial(announce, options.log_format),
        on_exit=on_exit,
    )


def _run(
    make_loop: Callable[[], asyncio.AbstractEventLoop], life: Coroutine[None, None, None]
) -> None:
    with asyncio.Runner(loop_factory=make_loop) as runner:
        runner.run(life)
