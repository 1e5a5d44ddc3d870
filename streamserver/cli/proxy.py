"""The command `proxy`: a reverse proxy in front of one upstream, or of one for each route."""

import os
from argparse import Namespace
from collections.abc import Mapping, Sequence
from dataclasses import replace

from streamserver.cli import engine_options, figures, resumable
from streamserver.cli.engine_options import ENGINE
from streamserver.cli.keys import check_sources
from streamserver.cli.launch import launch, prepare
from streamserver.cli.options import Option, Table, make_parser
from streamserver.cli.recording import RECORD, recorded
from streamserver.cli.resumable import RESUMABLE, each_alone, kept
from streamserver.cli.upstream_options import (
    MAX_BODY,
    POOL,
    REQUESTS,
    RESPONSES,
    UPSTREAM,
    injected,
    make_proxy,
    upstream,
)
from streamserver.kit.service import Handler
from streamserver.proxy.origin import FORMS
from streamserver.proxy.proxy import Proxy
from streamserver.server.descriptors import of_process
from streamserver.server.settings import Settings

USAGE = "streamserver proxy URL [options]"
ABOUT = "Relay every request to the upstream at URL, and its responses as they arrive."

TABLE: Table = {
    "where to relay to": (
        Option("urls", (), upstream, "URL", FORMS, "", many=True, positional=True),
    ),
    "requests": REQUESTS,
    "responses": RESPONSES,
    "the upstream": UPSTREAM,
    "connections to the upstream": POOL,
    "answers that survive their reader": RESUMABLE,
    "recording": RECORD,
    **ENGINE,
    "limits": (
        engine_options.max_connections("half of its descriptors"),
        MAX_BODY,
    ),
    "figures": (figures.option(False, "off"),),
}


def main(argv: Sequence[str], warnings: Sequence[str]) -> int:
    """Relay until a signal arrives; the exit status. Raises CannotServe or CannotListen."""
    prepare("proxy", argv)
    options, proxy = read(argv, os.environ)

    def make() -> Handler:
        return kept(proxy, recorded(proxy, options), options)

    each, about = each_alone(options), f"a relay to {', '.join(options.urls)}"
    return launch(
        options, TABLE, settings(options), make, about, each, warnings=warnings, relayed=True
    )


def read(argv: Sequence[str], environment: Mapping[str, str]) -> tuple[Namespace, Proxy]:
    """Each option's value, and the proxy that they describe; SystemExit for wrong usage, `--help`
    and `--version`; CannotServe for a missing key or missing authorities."""
    parser = make_parser(USAGE, ABOUT, TABLE)
    options = engine_options.read("proxy", parser, TABLE, argv, environment)
    if not options.urls:
        parser.error("the following arguments are required: URL")
    if len(options.urls) > 1:
        parser.error(f"unexpected argument {options.urls[1]!r}")
    check_sources(options, parser, "api-key-env", "api-key-file")
    resumable.check(options, parser, argv)
    try:
        options.injected = injected(options, environment)
        return options, make_proxy(options.urls, options)
    except ValueError as problem:
        parser.error(str(problem))


def settings(options: Namespace) -> Settings:
    """The engine's settings; each client needs a second descriptor for its upstream."""
    given = engine_options.settings(options)
    return replace(given, max_connections=given.max_connections or of_process().total // 2)
