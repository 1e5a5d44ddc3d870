"""The command `proxy`: a whole reverse proxy, in front of one upstream."""

import os
from argparse import ArgumentTypeError, Namespace
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from ssl import SSLContext

from streamserver.cli import engine_options
from streamserver.cli.keys import check_sources, fields_of, key_of
from streamserver.cli.launch import launch, prepare
from streamserver.cli.naming import url_hint
from streamserver.cli.options import make_parser
from streamserver.cli.problem import CannotServe
from streamserver.cli.proxy_options import TABLE
from streamserver.cli.recording import recorded
from streamserver.proxy.origin import FORMS, client_context, parse_origin
from streamserver.proxy.proxy import Proxy
from streamserver.proxy.settings import PoolLimits, Timeouts
from streamserver.server.descriptors import of_process
from streamserver.server.settings import Settings

USAGE = "streamserver proxy URL [options]"
ABOUT = "Relay every request to the upstream at URL, and its responses as they arrive."


def main(argv: Sequence[str], warnings: Sequence[str]) -> int:
    """Relay until a signal comes; the exit status.

    Raises CannotServe or CannotListen, and SystemExit for wrong usage.
    """
    prepare(argv)
    options, proxy = read(argv, os.environ)
    handler = partial(recorded, proxy, options)
    return launch(options, settings(options), handler, warnings=warnings)


def read(argv: Sequence[str], environment: Mapping[str, str]) -> tuple[Namespace, Proxy]:
    """Each option's value, and the proxy that they describe.

    SystemExit for wrong usage, `--help` and `--version`; CannotServe for a key or for
    authorities that are not there.
    """
    parser = make_parser(USAGE, ABOUT, TABLE)
    parser.add_argument("url", type=_upstream, metavar="URL", help=FORMS)
    options = engine_options.read(parser, TABLE, argv, environment)
    if options.upstream_ca and not options.url.lower().startswith("https:"):
        parser.error("--upstream-ca is for an upstream that speaks TLS: https://HOST")
    check_sources(options, parser, "api-key-env", "api-key-file")
    try:
        options.injected = _injected(options, environment)
        return options, _proxy(options)
    except ValueError as problem:
        parser.error(str(problem))


def _upstream(value: str) -> str:
    try:
        parse_origin(value)
    except ValueError as error:
        raise ArgumentTypeError(f"{error}{url_hint(value)}") from error
    return value


def settings(options: Namespace) -> Settings:
    """The engine's settings; a client takes two descriptors, one of them for its upstream."""
    given = engine_options.settings(options)
    return replace(given, max_connections=given.max_connections or of_process().total // 2)


def _proxy(options: Namespace) -> Proxy:
    return Proxy(
        options.url,
        strip=options.strip,
        inject=options.injected,
        keep_host=options.keep_host,
        forwarded=options.forwarded,
        timeouts=Timeouts(
            connect=options.connect_timeout,
            first_byte=options.first_byte_timeout,
            gap=options.gap_timeout,
            total=options.total_timeout,
        ),
        pool=PoolLimits(
            open=options.pool_open,
            idle=options.pool_idle,
            idle_timeout=options.pool_idle_timeout,
            wait=options.pool_wait,
        ),
        max_body=options.max_body,
        heartbeat=options.relay_heartbeat,
        on_break=options.on_break,
        server_timing=options.server_timing,
        tls=_trusting(options.upstream_ca) if options.upstream_ca else None,
    )


def _trusting(authorities: str) -> SSLContext:
    try:
        return client_context(authorities)
    except OSError as error:
        problem = f"cannot use the authorities in {authorities}: {error.strerror}"
        raise CannotServe(problem) from error


def _injected(options: Namespace, environment: Mapping[str, str]) -> dict[str, str]:
    """ValueError where a field is set twice, since only one of the two could be meant."""
    fields = fields_of(options)
    if key := key_of(options, "api-key", environment):
        fields.append(("authorization", f"Bearer {key}"))
    names = [name for name, _ in fields]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"--header, --header-file and a key may set {name} only once")
    return dict(fields)
