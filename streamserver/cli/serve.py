"""The command `serve`: a handler, or the demo."""

import os
from argparse import Namespace
from collections.abc import Mapping, Sequence
from functools import partial
from importlib.util import find_spec

from streamserver.cli import engine_options, figures
from streamserver.cli.apps import load_app, load_demo
from streamserver.cli.engine_options import DEFAULTS, ENGINE, MOST_BYTES, settings
from streamserver.cli.keys import check_sources, key_of, secret_of, sources
from streamserver.cli.launch import launch, prepare
from streamserver.cli.naming import app_name
from streamserver.cli.options import Option, Table, duration, make_parser, octets
from streamserver.cli.values import host_name, switch, text
from streamserver.extras import install_hint
from streamserver.kit.guards import known_hosts
from streamserver.kit.service import Handler

USAGE = """streamserver [serve] [MODULE:APP] [options]
       streamserver proxy URL [URL ...] [options]
       streamserver target [options]
       streamserver bench URL [options]
       streamserver inspect URL [options]
       streamserver calibrate [options]
       streamserver learn [STEP] [options]"""
ABOUT = "Serve a handler: APP of MODULE. The working directory is searched first."

EACH_ALONE = "without --redis each worker has its own feeds and answers, only for its own readers"
RELOAD_GRACE = 0.5
"""Seconds, at most, for open responses of the old code; event streams end at once."""
KEY = "OPENAI_API_KEY"
MODEL = "gpt-4o-mini"

_MAX_BODY = octets(
    "max-body",
    DEFAULTS.max_body,
    MOST_BYTES,
    "limit of a request body, unless its route sets another",
)
_DEMO = (
    Option(
        "files", None, text, "DIR", "directory of files to offer for download", "generated files"
    ),
    Option(
        "upstream",
        None,
        text,
        "URL",
        "base URL of the chat's service, as in https://HOST/v1",
        "a built-in model",
        secret=True,
    ),
    Option(
        "allow-host",
        (),
        host_name,
        "NAME",
        "Host to answer besides localhost and IP addresses; * for any; may be repeated",
        "any if it listens on other addresses than loopback",
        many=True,
    ),
    Option(
        "redis",
        None,
        text,
        "URL",
        "Redis that holds the feeds of all workers",
        "memory",
        secret=True,
    ),
    *sources("redis", "the URL of --redis, which may have a password"),
    *sources(
        "publish-token",
        "the bearer token for requests that write, or several tokens with spaces",
        "none is required",
    ),
    *sources("api-key", "the upstream's key", f"{KEY}, if set"),
    Option(
        "chat-model",
        None,
        text,
        "NAME",
        "model for prompts that name none",
        f"{MODEL} with --upstream, else the built-in one",
    ),
)
_HEARTBEAT = duration(
    "heartbeat",
    DEFAULTS.heartbeat,
    "silence after which an event stream sends a comment; 0: off",
    zero=True,
)
_APP = Option(
    "app",
    None,
    app_name,
    "MODULE:APP",
    "the handler to serve, as in hello:app",
    "the demo",
    positional=True,
)
_RELOAD = Option(
    "reload",
    False,
    switch,
    "",
    "restart when a source file in the working directory changes, for development",
    "off",
)
TABLE: Table = {
    "what to serve": (_APP,),
    **ENGINE,
    "development": (_RELOAD,),
    "limits": (
        engine_options.max_connections("as many as its descriptors allow"),
        _MAX_BODY,
    ),
    "event streams": (_HEARTBEAT,),
    "figures": (figures.option(None, "on for the demo, if prometheus-client is installed"),),
    "the demo": _DEMO,
}


def main(argv: Sequence[str], warnings: Sequence[str]) -> int:
    """Serve until a signal arrives; the exit status. Raises CannotServe or CannotListen."""
    prepare("serve", argv)
    options = read(argv, os.environ)
    each_alone = "" if options.app or _names_redis(options) else EACH_ALONE
    guard = None if options.app else partial(known_hosts, names=options.allow_host)
    make = partial(_handler, options)
    options.about = options.app or "the demo"
    return launch(options, settings(options), make, each_alone, guard, warnings)


def read(argv: Sequence[str], environment: Mapping[str, str]) -> Namespace:
    """Each option's value; SystemExit for wrong usage, `--help` and `--version`."""
    parser = make_parser(USAGE, ABOUT, TABLE)
    options = engine_options.read("serve", parser, TABLE, argv, environment)
    if options.app and options.metrics is None:
        options.metrics = False
    if options.reload:
        options.grace = min(options.grace, RELOAD_GRACE)
        if options.workers > 1:
            parser.error("--reload and --workers exclude each other: --reload restarts one process")
        if find_spec("watchfiles") is None:
            parser.error(f"--reload needs watchfiles: {install_hint('reload')}")
    for option in _DEMO if options.app else ():
        if getattr(options, option.key):
            parser.error(f"--{option.name} is for the demo: give either that or MODULE:APP")
    check_sources(options, parser, "redis", "redis-env", "redis-file")
    for name in ("api-key", "publish-token"):
        check_sources(options, parser, f"{name}-env", f"{name}-file")
    return options


def _handler(options: Namespace) -> Handler:
    if options.app:
        return load_app(options.app)
    upstream = options.upstream or ""
    key = (_key(options) or "") if upstream else ""
    model = options.chat_model or (MODEL if upstream else "")
    redis = options.redis or secret_of(options, "redis", os.environ) or ""
    tokens = (secret_of(options, "publish-token", os.environ) or "").split()
    return load_demo(options.files, upstream, key, model, redis, options.workers, tokens)


def _names_redis(options: Namespace) -> bool:
    return bool(options.redis or options.redis_env or options.redis_file)


def _key(options: Namespace) -> str | None:
    """The upstream's key: CannotServe if a source is given and has none, else it is optional."""
    if not (options.api_key_env or options.api_key_file) and os.environ.get(KEY):
        options.api_key_env = KEY
    return key_of(options, "api-key", os.environ)
