"""The command `proxy`: a reverse proxy in front of one upstream, of several, or of routes."""

import os
from argparse import Namespace
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

from streamserver.cli import engine_options, figures, resumable, routes
from streamserver.cli.config_file import ConfigError
from streamserver.cli.engine_options import ENGINE
from streamserver.cli.keys import check_sources
from streamserver.cli.launch import launch, prepare
from streamserver.cli.options import Option, Table, make_parser
from streamserver.cli.problem import CannotServe
from streamserver.cli.recording import RECORD, recorded
from streamserver.cli.resumable import RESUMABLE, each_alone, kept
from streamserver.cli.routes import ROUTE, Relay
from streamserver.cli.upstream_options import (
    GROUP,
    MAX_BODY,
    POOL,
    REQUESTS,
    RESPONSES,
    UPSTREAM,
    upstream,
)
from streamserver.cli.values import switch
from streamserver.kit import slots
from streamserver.kit.service import Handler
from streamserver.proxy.origin import FORMS
from streamserver.proxy.overview import Overview
from streamserver.server.descriptors import of_process
from streamserver.server.settings import Settings

USAGE = "streamserver proxy URL [URL ...] [options]"
ABOUT = (
    "Relay every request to the upstream at URL, and its responses as they arrive. Several URLs are"
    " replicas of one service: a request goes to the one with the fewest open streams."
)

TABLE: Table = {
    "where to relay to": (
        Option("urls", (), upstream, "URL", FORMS, "", many=True, positional=True),
        ROUTE,
    ),
    "requests": REQUESTS,
    "responses": RESPONSES,
    "the upstream": UPSTREAM,
    "connections to the upstream": POOL,
    "several upstreams, and their limits": GROUP,
    "answers that survive their reader": RESUMABLE,
    "recording": RECORD,
    **ENGINE,
    "limits": (
        engine_options.max_connections("half of its descriptors"),
        MAX_BODY,
    ),
    "figures": (
        figures.option(False, "off"),
        Option(
            "ready-upstreams",
            False,
            switch,
            "",
            "answer GET /ready with 503 while no upstream can be reached; with --metrics",
            "off",
        ),
    ),
}


def main(argv: Sequence[str], warnings: Sequence[str]) -> int:
    """Relay until a signal arrives; the exit status. Raises CannotServe or CannotListen."""
    prepare("proxy", argv)
    options, _ = read(argv, os.environ)
    make = partial(routes.combined, options, wrapped)
    each = next(filter(None, [each_alone(relay.options) for relay in options.relays]), "")
    relays = [(relay.route.prefix, relay.proxy) for relay in options.relays]
    # Several workers have the file of their supervisor.
    if options.route and options.workers == 1 and not options.check_config:
        slots.share()
    overview = Overview(relays, decides_readiness=options.ready_upstreams)
    warnings = [*warnings, *routes.shared_key(options)]
    options.about = routes.about(options)
    return launch(options, settings(options), make, each, warnings=warnings, upstreams=overview)


def read(argv: Sequence[str], environment: Mapping[str, str]) -> tuple[Namespace, Handler]:
    """Each option's value, and the handler that they describe, without a recorder and without kept
    answers; ``relays`` are the relays in it. SystemExit for wrong usage, `--help` and `--version`;
    CannotServe for a missing key or missing authorities, and where workers cannot share slots."""
    parser = make_parser(USAGE, ABOUT, TABLE)
    options = engine_options.read("proxy", parser, TABLE, argv, environment)
    if not options.urls and not options.route:
        parser.error("the following arguments are required: URL, or --route PREFIX=URL")
    if options.strip and not options.urls:
        parser.error(
            "--strip needs URL: it does not apply to routes, which have their own in a file"
        )
    if options.ready_upstreams and not options.metrics:
        parser.error("--ready-upstreams needs --metrics, which serves /ready")
    check_sources(options, parser, "api-key-env", "api-key-file")
    try:
        options.relays = routes.make_relays(options, environment)
        handler = routes.combined(options)
    except ConfigError as problem:
        parser.refuse(str(problem))
    except ValueError as problem:
        parser.error(str(problem))
    is_limited = any(relay.options.max_streams for relay in options.relays)
    if is_limited and options.workers > 1 and not slots.can_share():
        raise CannotServe("--max-streams with --workers needs Linux, with /proc")
    resumable.check(options, [relay.options for relay in options.relays], parser, argv)
    return options, handler


def wrapped(relay: Relay) -> Handler:
    """The relay with a recorder and with kept answers, if its options have them."""
    handler = recorded(relay.proxy, relay.options)
    try:
        return kept(relay.proxy, handler, relay.options, relay.route.rest)
    except ValueError as problem:
        raise CannotServe(f"the route {relay.route.prefix}: {problem}") from problem


def settings(options: Namespace) -> Settings:
    """The engine's settings; each client needs a second descriptor for its upstream."""
    given = engine_options.settings(options)
    return replace(given, max_connections=given.max_connections or of_process().total // 2)
