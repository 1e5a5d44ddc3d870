"""The options of a relay to one service, for `proxy` and for each of its routes."""

from argparse import ArgumentTypeError, Namespace
from collections.abc import Mapping, Sequence
from ssl import SSLContext
from typing import get_args

from streamserver.cli.engine_options import MOST_BYTES
from streamserver.cli.keys import HEADER_FILE, fields_of, key_of, sources
from streamserver.cli.naming import url_hint
from streamserver.cli.options import Option, duration
from streamserver.cli.problem import CannotServe
from streamserver.cli.timeouts import timeout_options
from streamserver.cli.values import field, field_table, one_of, size, switch, text, whole
from streamserver.proxy.forwarding import MODES
from streamserver.proxy.origin import client_context, parse_origin
from streamserver.proxy.proxy import OnBreak, Proxy
from streamserver.proxy.settings import Backoff, PoolLimits, QueueLimits, Timeouts

TIMEOUTS = Timeouts()
LIMITS = PoolLimits()
QUEUE = QueueLimits()
BACKOFF = Backoff()
MOST_STREAMS = 10**5

REQUESTS = (
    Option("strip", "", text, "PATH", "prefix to remove from targets; other targets get a 404"),
    Option(
        "header",
        (),
        field,
        "'NAME: VALUE'",
        "set in each request, in place of the client's; may be repeated (in the variable: one a"
        " line)",
        shown="",
        many=True,
        secret=True,
        read_table=field_table,
    ),
    HEADER_FILE,
    *sources("api-key", "a key, sent as Authorization: Bearer KEY"),
    Option(
        "keep-host", False, switch, "", "send the client's Host instead of the upstream's", "off"
    ),
    Option(
        "forwarded",
        MODES[0],
        one_of(*MODES),
        "MODE",
        "Forwarded and X-Forwarded-*: replace the client's, append to them, or off",
    ),
)
RESPONSES = (
    duration(
        "relay-heartbeat",
        0.0,
        "silence after which an event stream is sent a comment; 0: off",
        zero=True,
    ),
    Option(
        "on-break",
        "cut",
        one_of(*get_args(OnBreak)),
        "HOW",
        "end of an event stream that breaks: cut, or event: an error event before the cut",
    ),
    Option(
        "server-timing",
        False,
        switch,
        "",
        "add a Server-Timing field with the times of the upstream",
        "off",
    ),
)
UPSTREAM = (
    Option("upstream-ca", None, text, "FILE", "PEM authorities to trust", "those of the system"),
    *timeout_options(TIMEOUTS.connect, TIMEOUTS.first_byte, TIMEOUTS.gap, TIMEOUTS.total),
)
POOL = (
    Option(
        "pool-open",
        LIMITS.open,
        whole(1, 10**9, auto=0),
        "N",
        "open connections per process; auto: half of its descriptors",
        shown="auto",
    ),
    Option(
        "pool-idle", LIMITS.idle, whole(0, 10**9), "N", "idle connections that are kept for reuse"
    ),
    duration(
        "pool-idle-timeout",
        LIMITS.idle_timeout,
        "until an idle connection is closed; 0: never",
        zero=True,
    ),
    duration("pool-wait", LIMITS.wait, "for a connection while all are in use", zero=True),
)
GROUP = (
    Option(
        "max-streams",
        0,
        whole(1, MOST_STREAMS, unlimited=0),
        "N",
        "requests that each upstream gets at once, from all workers together",
        shown="unlimited",
    ),
    Option(
        "queue",
        QUEUE.waiting,
        whole(0, 10**6),
        "N",
        "requests per process that may wait for an upstream with --max-streams",
    ),
    duration(
        "queue-timeout", QUEUE.wait, "for which a request waits at most; 0: none waits", zero=True
    ),
    duration(
        "backoff", BACKOFF.first, "for which an upstream gets no requests after a first failure"
    ),
    duration("max-backoff", BACKOFF.longest, "the same at most, after several failures in a row"),
    Option(
        "repeat-refused",
        False,
        switch,
        "",
        "after a 429 or 503, send a request to another upstream also if it is not idempotent",
        "off",
    ),
)
MAX_BODY = Option(
    "max-body",
    None,
    size(0, MOST_BYTES, unlimited=None),
    "SIZE",
    "limit of a request body, which is relayed as it arrives",
    shown="unlimited, for POST with --resumable 8MiB",
)


def upstream(value: str) -> str:
    """The URL of an upstream."""
    try:
        parse_origin(value)
    except ValueError as error:
        raise ArgumentTypeError(f"{error}{url_hint(value)}") from error
    return value


def make_proxy(urls: Sequence[str], options: Namespace) -> Proxy:
    """A relay to these upstreams; ValueError for options that it cannot have, CannotServe for
    missing authorities."""
    if options.upstream_ca and not all(url.lower().startswith("https:") for url in urls):
        raise ValueError("--upstream-ca is for an upstream that speaks TLS: https://HOST")
    return Proxy(
        urls,
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
        max_streams=options.max_streams,
        queue=QueueLimits(options.queue, options.queue_timeout),
        backoff=Backoff(options.backoff, options.max_backoff),
        repeat_refused=options.repeat_refused,
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


def injected(options: Namespace, environment: Mapping[str, str]) -> dict[str, str]:
    """The fields to set; ValueError if one is set twice, CannotServe for a missing key."""
    fields = fields_of(options)
    if key := key_of(options, "api-key", environment):
        fields.append(("authorization", f"Bearer {key}"))
    names = [name for name, _ in fields]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"--header, --header-file and a key may set {name} only once")
    return dict(fields)
