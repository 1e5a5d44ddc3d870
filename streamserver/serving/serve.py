"""`run` and `serve`: an app served by a program of its own, or inside a running event loop.

`run` is what the command line does: it blocks, and SIGTERM or SIGINT drains. `serve` handles no
signals, and starts no processes.
"""

import asyncio
import inspect
import logging
import os
import sys
import threading
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import fields, replace
from functools import partial
from ssl import SSLContext
from typing import Any, TypeAlias

from streamserver.kit.hints import did_you_mean
from streamserver.kit.service import Handler, close, service
from streamserver.server.listener import Listener
from streamserver.server.settings import Settings
from streamserver.serving import logs, signals
from streamserver.serving.address import Address
from streamserver.serving.inherited import take_passed
from streamserver.serving.init import open_standard_streams
from streamserver.serving.process import (
    LoopFactory,
    serve_until_stopped,
    take_inherited,
    uvloop_factory,
)
from streamserver.serving.server import Server, access_log_of
from streamserver.serving.sockets import CannotListen
from streamserver.serving.tls import AnyPath, server_context
from streamserver.wire.forwarded import TrustedPeers

TLS: TypeAlias = SSLContext | tuple[AnyPath, AnyPath] | None
Proxies: TypeAlias = str | Iterable[str] | TrustedPeers | None


def run(
    app: Handler,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    uds: str | None = None,
    fd: int | None = None,
    tls: TLS = None,
    workers: int = 1,
    loop_factory: LoopFactory | None = None,
    access_log: bool = True,
    trusted_proxies: Proxies = None,
    request_id: bool = False,
    proxy_protocol: bool = False,
    loop_health: bool = True,
    settings: Settings | None = None,
    **limits: float,
) -> None:
    """Serve ``app`` until SIGTERM or SIGINT; return when the open streams have ended.

    The first signal drains, within ``grace`` seconds; a second one cuts. The arguments are those of
    ``serve``, and ``workers``: processes that share the address, each of them this program started
    again, which has to reach the same call. ``loop_factory``: makes the event loop; None: uvloop's
    if it is installed, else asyncio's. ``access_log``: a line per exchange on standard output.
    ``loop_health``: a line about what blocks the event loop for more than 100 ms. Sockets of a
    service manager replace the address. Logging is configured unless it is already. SystemExit with
    status 1 and one line if the address or the TLS files cannot be used; TypeError or ValueError
    for wrong arguments; RuntimeError in a running loop or outside the main thread.
    """
    who = (trusted_proxies, request_id, proxy_protocol)
    with _program(workers):
        serve_until_stopped(
            _server(app, tls, access_log, loop_health, who, settings, limits),
            Address(host, port, uds, fd, take_passed(os.environ)),
            partial(print, "listening on", flush=True),
            workers=workers,
            loop_factory=loop_factory or uvloop_factory() or asyncio.new_event_loop,
            inherited=take_inherited() if workers > 1 else None,
        )


@asynccontextmanager
async def serve(
    app: Handler,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    uds: str | None = None,
    fd: int | None = None,
    tls: TLS = None,
    access_log: bool = False,
    trusted_proxies: Proxies = None,
    request_id: bool = False,
    proxy_protocol: bool = False,
    loop_health: bool = False,
    settings: Settings | None = None,
    **limits: float,
) -> AsyncIterator[Listener]:
    """Serve ``app`` in the running event loop inside ``async with serve(app) as server``.

    ``server.url`` is the URL; ``server.abort()`` cuts all connections. At the end of the block,
    also after an exception, the server drains within ``grace`` seconds, then ``app.aclose`` is
    awaited if there is one. A cancellation during that time cuts the streams. ``port`` 0 selects a
    free port. To listen on instead: ``uds``, the path of a Unix socket, or ``fd``, a bound stream
    socket's descriptor, which is closed at the end. ``tls``: the PEM files of a certificate chain
    and its key, or a context. ``trusted_proxies``: peers that name clients, as in ``["10.0.0.0/8",
    "::1", "unix"]``, or ``TrustedPeers``. ``request_id``: whether requests have ids.
    ``proxy_protocol``: whether connections of these peers begin with a PROXY header, and others are
    closed. ``loop_health``: as for ``run``. ``settings`` or single fields of ``Settings`` by their
    names: ``serve(app, grace=5)``. OSError where the address or the TLS files cannot be used;
    TypeError or ValueError for a wrong argument.
    """
    who = (trusted_proxies, request_id, proxy_protocol)
    server = _server(app, tls, access_log, loop_health, who, settings, limits)
    with Address(host, port, uds, fd).listen() as [[sock]], server.watched():
        listener = server.listener()
        try:
            await listener.start(sock=sock, ssl=server.tls)
            yield listener
        finally:
            await server.stop(listener)


def _server(
    app: Handler,
    tls: TLS,
    access_log: bool,
    loop_health: bool,
    who: tuple[Proxies, bool, bool],
    settings: Settings | None,
    limits: dict[str, float],
) -> Server:
    if isinstance(tls, tuple) and len(tls) == 2:
        tls = server_context(*tls)
    if not isinstance(tls, SSLContext | None):
        allowed = '("cert.pem", "key.pem") or an ssl.SSLContext'
        raise TypeError(f"tls is {allowed}, not {type(tls).__name__}")
    if not isinstance(settings, Settings | None):
        raise TypeError(f"settings is a Settings, not {type(settings).__name__}")
    known = [field.name for field in fields(Settings)]
    for name, value in limits.items():
        if name not in known:
            hint = did_you_mean(name, [*inspect.signature(serve).parameters, *known])
            raise TypeError(f"there is no argument and no field of Settings called {name!r}{hint}")
        if not isinstance(value, int | float):
            raise TypeError(f"{name} is a number, not {type(value).__name__}")
    changes: dict[str, Any] = {**limits}
    chosen = replace(settings or Settings(), **changes)
    proxies, identifies, is_named = who
    trusted = proxies if isinstance(proxies, TrustedPeers | None) else TrustedPeers(proxies)
    if is_named and trusted is None:
        raise ValueError("proxy_protocol needs trusted_proxies, the peers that may use it")
    observer = access_log_of("text") if access_log else None
    return Server(
        *(service(app), chosen, observer, tls, partial(close, app), trusted, identifies),
        proxy_protocol=is_named,
        loop_health=loop_health,
    )


@contextmanager
def _program(workers: int) -> Iterator[None]:
    """What ``run`` does around a server: it refuses a wrong call, configures logging unless the
    program has done so, restores signal handlers, and ends the program without an address."""
    _check_call(workers)
    open_standard_streams()
    if not logging.root.handlers:
        logs.configure()
    try:
        with signals.restored():
            yield
    except CannotListen as error:
        raise SystemExit(f"streamserver: {error}") from error


def _check_call(workers: int) -> None:
    if not isinstance(workers, int) or not 1 <= workers <= 1024:
        raise ValueError(f"workers is a whole number from 1 to 1024, not {workers!r}")
    if workers > 1 and sys.argv[0] in ("", "-"):  # typed or piped into the interpreter
        raise ValueError("workers need a program that can be started again: a file or a module")
    if threading.current_thread() is not threading.main_thread():
        raise RuntimeError("run() handles signals, so it must be called in the main thread")
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    raise RuntimeError("an event loop is running: use `async with serve(app)` instead of run()")
