"""The command `proxy`: a whole reverse proxy, in front of one upstream."""

import os
import re
import resource
from argparse import Namespace
from collections.abc import Mapping, Sequence
from dataclasses import replace

from streamserver.cli import engine_options
from streamserver.cli.engine_options import ENGINE, MOST_BYTES, settings
from streamserver.cli.launch import launch
from streamserver.cli.options import Option, Table, duration, make_parser
from streamserver.cli.problem import CannotServe
from streamserver.cli.running import stoppable
from streamserver.cli.tls import client_context
from streamserver.cli.values import field, one_of, switch, text, variable, whole
from streamserver.proxy.forwarded import MODES
from streamserver.proxy.origin import FORMS
from streamserver.proxy.proxy import Proxy
from streamserver.proxy.settings import PoolLimits, Timeouts
from streamserver.server.settings import Settings

USAGE = "streamserver proxy URL [options]"
ABOUT = "Relay every request to the upstream at URL, and its answers as they arrive."

TIMEOUTS = Timeouts()
LIMITS = PoolLimits()

_MAX_BODY = Option(
    "max-body",
    None,
    whole(0, MOST_BYTES, unlimited=None),
    "BYTES",
    "of a request, which is relayed as it comes and never kept",
    shown="unlimited",
)
_REQUESTS = (
    Option("strip", "", text, "PATH", "taken off a target's front; others are not found"),
    Option(
        "header",
        (),
        field,
        "'NAME: VALUE'",
        "set in every request, instead of the client's; may be repeated, a line each in a variable",
        shown="",
        many=True,
    ),
    Option(
        "api-key-env",
        None,
        variable,
        "NAME",
        "the variable with a key, sent as Authorization: Bearer KEY",
        shown="",
    ),
    Option("keep-host", False, switch, "", "send the client's Host, not the upstream's", "off"),
    Option(
        "forwarded",
        MODES[0],
        one_of(*MODES),
        "MODE",
        "the fields that say who asked: replace the client's, append to them, or off",
    ),
)
_UPSTREAM = (
    Option("upstream-ca", None, text, "FILE", "whom to trust, in PEM", "the system's authorities"),
    duration("connect-timeout", TIMEOUTS.connect, "to connect; 0: off", zero=True),
    duration("first-byte-timeout", TIMEOUTS.first_byte, "for an answer; 0: off", zero=True),
    duration("gap-timeout", TIMEOUTS.gap, "between two pieces of an answer; 0: off", zero=True),
    duration("total-timeout", TIMEOUTS.total, "for a whole answer; 0: off", zero=True),
)
_POOL = (
    Option(
        "pool-open",
        LIMITS.open,
        whole(1, 10**9, auto=0),
        "N",
        "open in a process; auto: half as many as it may have descriptors for",
        shown="auto",
    ),
    Option("pool-idle", LIMITS.idle, whole(0, 10**9), "N", "kept for the next requests"),
    duration("pool-idle-timeout", LIMITS.idle_timeout, "that each is kept; 0: for ever", zero=True),
    duration("pool-wait", LIMITS.wait, "that a request waits while all are in use", zero=True),
)
TABLE: Table = {
    "requests": _REQUESTS,
    "the upstream": _UPSTREAM,
    "connections to it": _POOL,
    **ENGINE,
    "limits": (
        engine_options.max_connections("as many as it may have pairs of descriptors for"),
        _MAX_BODY,
    ),
}


def main(argv: Sequence[str]) -> int:
    """Relay until a signal comes; the exit status.

    Raises CannotServe or CannotListen, and SystemExit for wrong usage.
    """
    stoppable()
    options, proxy = read(argv, os.environ)
    return launch(options, engine_settings(options), lambda: proxy)


def read(argv: Sequence[str], environment: Mapping[str, str]) -> tuple[Namespace, Proxy]:
    """Each option's value, and the proxy they come to.

    SystemExit for wrong usage, `--help` and `--version`; CannotServe if a file or a variable
    is not there.
    """
    parser = make_parser(USAGE, ABOUT, TABLE)
    parser.add_argument("url", metavar="URL", help=FORMS)
    options = engine_options.read(parser, TABLE, argv, environment)
    if options.upstream_ca and not options.url.startswith("https:"):
        parser.error("--upstream-ca is for an upstream that speaks TLS: https://HOST")
    try:
        return options, _proxy(options, environment)
    except ValueError as problem:
        parser.error(str(problem))


def engine_settings(options: Namespace) -> Settings:
    """The engine's settings; by default half of the descriptors are for the clients.

    The other half is for the upstream, which each of them may need one of.
    """
    given = settings(options)
    return replace(given, max_connections=given.max_connections or _pairs_of_descriptors())


def _proxy(options: Namespace, environment: Mapping[str, str]) -> Proxy:
    return Proxy(
        options.url,
        strip=options.strip,
        inject=_injected(options, environment),
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
        tls=client_context(options.upstream_ca) if options.upstream_ca else None,
    )


def _injected(options: Namespace, environment: Mapping[str, str]) -> dict[str, str]:
    fields = list(options.header)
    if options.api_key_env:
        fields.append(("authorization", f"Bearer {_key(options.api_key_env, environment)}"))
    injected = dict(fields)
    if len(injected) < len(fields):
        raise ValueError("--header and --api-key-env set each field once")
    return injected


def _key(name: str, environment: Mapping[str, str]) -> str:
    key = environment.get(name, "")
    if not re.fullmatch(r"[!-~]+", key):
        held = "holds no key, which is printable ASCII" if key else "is not set"
        raise CannotServe(f"--api-key-env: the environment variable {name} {held}")
    return key


_RESERVE = 256
"""Descriptors kept back for listeners, files, logs and refusals on their way."""


def _pairs_of_descriptors() -> int:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 500_000 if soft == resource.RLIM_INFINITY else max(16, (soft - _RESERVE) // 2)
