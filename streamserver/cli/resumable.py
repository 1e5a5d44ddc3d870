"""The options of `proxy` that keep answers, so that they survive their reader."""

import os
from argparse import ArgumentParser, Namespace
from collections.abc import Iterable, Sequence
from functools import partial

from streamserver.cli.apps import redis_backend
from streamserver.cli.engine_options import MOST_BYTES
from streamserver.cli.keys import check_sources, secret_of, sources
from streamserver.cli.options import Option, duration
from streamserver.cli.values import size, switch, text, token, whole
from streamserver.feed.memory import Memory
from streamserver.kit.service import Closing, Handler, close
from streamserver.kit.units import format_size
from streamserver.proxy.proxy import Proxy
from streamserver.resumable.limits import Limits
from streamserver.resumable.resumable import Resumable

EACH_ALONE = "without --redis each worker has its own answers: a client can resume only by chance"
LIMITS = Limits()
_OF_ALL = "; with --redis by all workers together"


def _size(name: str, default: int, help: str) -> Option:
    return Option(name, default, size(1, MOST_BYTES), "SIZE", help, format_size(default))


_OF_ANSWERS = (
    duration("resume-window", LIMITS.window, "without a reader, until an answer is cancelled"),
    duration("resume-keep", LIMITS.keep, "that an answer can be read after its end"),
    Option(
        "resume-answers", LIMITS.answers, whole(1, 10**9), "N", f"answers that are held{_OF_ALL}"
    ),
    Option("resume-events", LIMITS.events, whole(1, 10**9), "N", "events of an answer"),
    _size("resume-bytes", LIMITS.bytes, "bytes of an answer's events"),
    _size("resume-total", LIMITS.total, f"bytes of the events of all answers{_OF_ALL}"),
    Option(
        "resume-cookie",
        (),
        token,
        "NAME",
        "cookie that identifies the owner of an answer; may be repeated",
        "all cookies",
        many=True,
    ),
    Option(
        "redis",
        None,
        text,
        "URL",
        "Redis that holds the answers of all workers",
        "memory",
        secret=True,
    ),
    *sources("redis", "the URL of --redis, which may have a password"),
)
RESUMABLE = (
    Option(
        "resumable",
        False,
        switch,
        "",
        "keep event streams in response to POST, so that clients can resume them",
        "off",
    ),
    *_OF_ANSWERS,
)


def check(
    options: Namespace, relays: Iterable[Namespace], parser: ArgumentParser, argv: Sequence[str]
) -> None:
    """Exit with an error for a flag that has no effect, or that excludes another one. Variables may
    be for another command. ``relays``: the options of each relay."""
    flags = {word.partition("=")[0] for word in argv}
    for option in () if any(relay.resumable for relay in relays) else _OF_ANSWERS:
        if f"--{option.name}" in flags:
            parser.error(f"--{option.name} is for answers that are kept: add --resumable")
    check_sources(options, parser, "redis", "redis-env", "redis-file")


def kept(proxy: Proxy, handler: Handler, options: Namespace, prefix: str = "") -> Handler:
    """``handler``, which is ``proxy`` or records what that relays; with answers that are kept if
    ``--resumable`` is set. ``prefix``: of all its paths. CannotServe for a wrong URL of Redis;
    ValueError for a prefix that locations cannot have."""
    if not options.resumable:
        return handler
    url = options.redis or secret_of(options, "redis", os.environ)
    backend = redis_backend(url) if url else Memory()
    resumable = Resumable(
        proxy,
        backend,
        resume_window=options.resume_window,
        resume_keep=options.resume_keep,
        max_answers=options.resume_answers,
        max_events=options.resume_events,
        max_bytes=options.resume_bytes,
        max_total=options.resume_total,
        max_body=LIMITS.body if options.max_body is None else options.max_body,
        cookies=options.resume_cookie or None,
        path=f"{prefix}/resumable",
    )
    return Closing(resumable, partial(close, handler), backend.close)


def each_alone(options: Namespace) -> str:
    """What several workers do not share; "" if they share everything."""
    is_shared = options.redis or options.redis_env or options.redis_file
    return EACH_ALONE if options.resumable and not is_shared else ""
