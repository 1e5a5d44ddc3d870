"""From options to a server that runs until a signal arrives, for every command that serves."""

import logging
import os
from argparse import Namespace
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TypeAlias

from streamserver.cli import check, figures
from streamserver.cli.config_file import early, given
from streamserver.cli.engine_options import places_given
from streamserver.cli.loops import loop_factory
from streamserver.cli.problem import CannotServe
from streamserver.kit.compress import compress
from streamserver.kit.service import Handler, close, service
from streamserver.observe.probes import Probes
from streamserver.proxy.overview import Overview
from streamserver.server.observer import Several
from streamserver.server.settings import Settings
from streamserver.server.state import Handler as EngineHandler
from streamserver.serving import logs, signals
from streamserver.serving.address import Address
from streamserver.serving.inherited import take_passed
from streamserver.serving.init import leave_first_process, open_standard_streams
from streamserver.serving.process import (
    is_worker,
    serve_until_stopped,
    take_inherited,
)
from streamserver.serving.server import Server, access_log_of
from streamserver.serving.tls import server_context
from streamserver.wire.forwarded import TrustedPeers

VARIABLE = "STREAMSERVER_LOG_FORMAT"

logger = logging.getLogger("streamserver")

Guard: TypeAlias = Callable[[EngineHandler], EngineHandler]


def prepare(name: str, argv: Sequence[str]) -> None:
    """Configure the log and the signals, before anything else in the command ``name``; as the
    first process of a container, in a child of it."""
    open_standard_streams()
    leave_first_process()
    logs.configure(log_format(name, argv, os.environ))
    signals.handle_early(is_worker())


def log_format(name: str, argv: Sequence[str], environment: Mapping[str, str]) -> str:
    """The log format that the options of the command ``name`` select, read before they are parsed:
    they may be wrong."""
    form: object = given(argv, environment, "log-format", VARIABLE)
    if not form:
        shared = early(argv, environment)
        section = shared.get(name)
        for keys in (shared, section if isinstance(section, Mapping) else {}):
            form = keys.get("log-format", keys.get("log_format")) or form
    return "json" if form == "json" else "text"


def launch(
    options: Namespace,
    settings: Settings,
    make_handler: Callable[[], Handler],
    each_alone: str = "",
    guard: Guard | None = None,
    warnings: Sequence[str] = (),
    upstreams: Overview | None = None,
) -> int:
    """Serve what `make_handler` returns until a signal arrives; the exit status. With
    `--check-config`, only report what is served, which the attribute ``about`` names.

    `warnings` are logged once; `each_alone`, what workers do not share, where there are several.
    `guard` wraps all that is served. `upstreams`: those of a relay. Raises CannotServe or
    CannotListen.
    """
    inherited = take_inherited()
    logs.configure(options.log_format, options.log_level)
    for warning in () if inherited else warnings:
        logger.warning(warning)
    server = _server(options, settings, make_handler(), bool(inherited), guard, upstreams)
    if each_alone and options.workers > 1 and not inherited:
        logger.warning(each_alone)
    make_loop = loop_factory(options.loop)
    if options.check_config:
        print(check.report(options))
        return 0
    serve_until_stopped(
        server,
        _address(options),
        lambda url: print(logs.listening_line(options.log_format, url), flush=True),
        workers=options.workers,
        loop_factory=make_loop,
        inherited=inherited,
        supervised=figures.of_workers(options.metrics),
        fixed="" if options.metrics is False else ", --metrics",
    )
    return 0


def _address(options: Namespace) -> Address:
    """Where to listen; CannotServe if both an option and a service manager decide that."""
    passed = take_passed(os.environ)
    if passed and options.fd is None and (others := places_given(options)):
        sockets = f"the sockets that a service manager passed (LISTEN_FDS={len(passed)})"
        raise CannotServe(f"{others[0]} and {sockets} exclude each other: remove one of the two")
    return Address(options.host, options.port, options.uds, options.fd, passed)


def _server(
    options: Namespace,
    settings: Settings,
    handler: Handler,
    is_worker: bool,
    guard: Guard | None,
    upstreams: Overview | None,
) -> Server:
    if options.compress:
        handler = compress(handler, relayed=upstreams is not None)
    tls = server_context(options.tls_cert, options.tls_key) if options.tls_cert else None
    log = access_log_of(options.log_format) if options.access_log else None
    reload = Path.cwd() if getattr(options, "reload", False) else None
    is_alone = options.workers == 1 and reload is None
    serves = not options.check_config and (is_worker or is_alone)
    metrics = figures.metrics(options.metrics, serves)
    observers = [observer for observer in (log, metrics) if observer is not None]
    served = service(handler)
    if options.metrics is not False:
        served = Probes(served, metrics, upstreams)
    if metrics is not None and upstreams is not None:
        metrics.watch(upstreams.load)
    if guard is not None:
        served = guard(served)
    observer = observers[0] if len(observers) == 1 else Several(observers)
    peers = options.trusted_proxies
    trusted = TrustedPeers(peers, options.trusted_fields) if peers else None
    end = partial(close, handler)
    return Server(
        *(served, settings, observer, tls, end, trusted, options.request_id),
        proxy_protocol=options.proxy_protocol,
        loop_health=options.loop_health,
        reload=reload,
    )
