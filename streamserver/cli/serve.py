"""The command `serve`: what it can be told, and how that becomes a running server."""

import asyncio
import os
import sys
from argparse import Namespace
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import fields
from socket import socket

from streamserver.cli import logs
from streamserver.cli.apps import is_app_name, load_app, load_demo
from streamserver.cli.loops import NAMES, loop_factory
from streamserver.cli.options import Option, Table, make_parser, parse
from streamserver.cli.running import Site, alone, announce, as_worker, stoppable, supervise
from streamserver.cli.tls import server_context
from streamserver.cli.values import one_of, seconds, switch, text, whole
from streamserver.kit.service import service
from streamserver.observe.accesslog import FORMATS, AccessLog
from streamserver.server.settings import Settings
from streamserver.server.sockets import listen_tcp, listen_unix
from streamserver.server.workers import VARIABLE, Supervisor, inherit

USAGE = "streamserver [serve] [MODULE:APP] [options]"
ABOUT = "Serve a handler: APP of MODULE, which may lie in the working directory."

DEFAULTS = Settings()
MOST_BYTES = 2**50


def _deadline(key: str, help: str, *, zero: bool = False) -> Option:
    default = getattr(DEFAULTS, key)
    name = key.replace("_", "-")
    return Option(name, default, seconds(zero=zero), "SECONDS", help, f"{default:g}")


_LISTEN = (
    Option("host", "127.0.0.1", text, "HOST", "a name or an address; :: is every address"),
    Option("port", 8000, whole(0, 65535), "PORT", "0 picks a free one"),
    Option("uds", None, text, "PATH", "a unix socket, instead of host and port", ""),
    Option("tls-cert", None, text, "FILE", "speak TLS, with this PEM certificate chain", ""),
    Option("tls-key", None, text, "FILE", "the key of the certificate, without a passphrase", ""),
)
_DEMO = (Option("files", None, text, "DIR", "what it offers for download", "some it makes"),)
_PROCESSES = (
    Option("workers", 1, whole(1, 1024), "N", "processes that share the address"),
    Option("loop", "auto", one_of(*NAMES), "NAME", "asyncio, uvloop, or auto: the best there is"),
)
_LOGS = (
    Option("access-log", True, switch, "", "a line per exchange on standard output", "on"),
    Option("log-format", "text", one_of(*FORMATS), "FORMAT", "text or json"),
    Option("log-level", "info", one_of(*logs.LEVELS), "LEVEL", ", ".join(logs.LEVELS)),
)
_LIMITS = (
    Option(
        "max-connections",
        DEFAULTS.max_connections,
        whole(1, 10**9, auto=0),
        "N",
        "open connections of a process; auto: as many as it may have descriptors for",
        shown="auto",
    ),
    Option(
        "max-body",
        DEFAULTS.max_body,
        whole(0, MOST_BYTES),
        "BYTES",
        "of a request, where its route does not say else",
    ),
)
_DEADLINES = (
    _deadline("head_timeout", "from the first byte of a request to the end of its head"),
    _deadline("body_timeout", "between two pieces of a request body"),
    _deadline("write_timeout", "for a client that takes nothing of what is there for it"),
    _deadline("keep_alive", "for an idle connection"),
    _deadline("heartbeat", "of silence before an event stream sends a comment; 0: off", zero=True),
    _deadline("max_stream", "for a whole response; 0: off", zero=True),
    _deadline("grace", "for streams to end, from the first signal on", zero=True),
)
TABLE: Table = {
    "where to listen": _LISTEN,
    "processes": _PROCESSES,
    "logs": _LOGS,
    "limits": _LIMITS,
    "deadlines": _DEADLINES,
    "the demo": _DEMO,
}


def main(argv: Sequence[str]) -> int:
    """Serve until a signal comes; the exit status.

    Raises CannotServe or CannotListen, and SystemExit for wrong usage.
    """
    stoppable()
    options = read(argv, os.environ)
    # Taken out, or a program of the app's that serves too would take itself for a worker.
    inherited = os.environ.pop(VARIABLE, None)
    logs.configure(options.log_format, options.log_level)
    site = _site(options)
    make_loop = loop_factory(options.loop)
    if inherited:
        _run(make_loop, as_worker(site, *inherit(inherited)))
        return 0
    with _listen(options) as sockets:
        if options.workers == 1:
            _run(make_loop, alone(site, sockets[0]))
        else:
            _run(asyncio.new_event_loop, supervise(_supervisor(options, sockets)))
    return 0


def read(argv: Sequence[str], environment: Mapping[str, str]) -> Namespace:
    """Each option's value; SystemExit for wrong usage, `--help` and `--version`."""
    parser = make_parser(USAGE, ABOUT, TABLE)
    parser.add_argument(
        "app", nargs="?", default=None, metavar="MODULE:APP", help="(default: the demo)"
    )
    options = parse(parser, TABLE, argv, environment)
    if options.app and options.files:
        parser.error("--files is for the demo: give either a directory or MODULE:APP")
    if options.app is not None and not is_app_name(options.app):
        parser.error(f"{options.app!r} is not MODULE:APP, as in hello:app for app in hello.py")
    if (options.tls_cert is None) != (options.tls_key is None):
        parser.error("--tls-cert and --tls-key go together")
    return options


def settings(options: Namespace) -> Settings:
    """The engine's settings: its defaults, but for what the options say."""
    given = vars(options)
    return Settings(**{f.name: given[f.name] for f in fields(Settings) if f.name in given})


def _site(options: Namespace) -> Site:
    handler = load_app(options.app) if options.app else load_demo(options.files)
    tls = server_context(options.tls_cert, options.tls_key) if options.tls_cert else None
    # Python has no stdout where the descriptor is closed: its number may be a client's by then.
    logged = options.access_log and sys.stdout is not None
    observer = AccessLog(sys.stdout.fileno(), options.log_format) if logged else None
    return Site(service(handler), settings(options), observer, tls)


def _listen(options: Namespace) -> AbstractContextManager[list[socket]]:
    if options.uds:
        return listen_unix(options.uds, options.workers)
    return listen_tcp(options.host, options.port, options.workers)


def _supervisor(options: Namespace, sockets: Sequence[socket]) -> Supervisor:
    # The same command line, with the interpreter's own options.
    command = [sys.executable, *sys.orig_argv[1:]]
    return Supervisor(command, os.environ, sockets, grace=options.grace, announce=announce)


def _run(
    make_loop: Callable[[], asyncio.AbstractEventLoop], life: Coroutine[None, None, None]
) -> None:
    with asyncio.Runner(loop_factory=make_loop) as runner:
        runner.run(life)
