"""What `proxy` can be told of its upstream, besides what every server can be told."""

from typing import get_args

from streamserver.cli import engine_options, figures
from streamserver.cli.engine_options import ENGINE, MOST_BYTES
from streamserver.cli.keys import HEADER_FILE, sources
from streamserver.cli.options import Option, Table, duration
from streamserver.cli.recording import RECORD
from streamserver.cli.timeouts import timeout_options
from streamserver.cli.values import field, one_of, size, switch, text, whole
from streamserver.proxy.forwarded import MODES
from streamserver.proxy.proxy import OnBreak
from streamserver.proxy.settings import PoolLimits, Timeouts

TIMEOUTS = Timeouts()
LIMITS = PoolLimits()

_REQUESTS = (
    Option("strip", "", text, "PATH", "prefix to remove from targets; targets without it are 404"),
    Option(
        "header",
        (),
        field,
        "'NAME: VALUE'",
        "set in each request, in place of the client's; may be repeated (in the variable: one a"
        " line)",
        shown="",
        many=True,
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
_ANSWERS = (
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
        "of an event stream that breaks: cut, or event: report the failure before the cut",
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
_UPSTREAM = (
    Option("upstream-ca", None, text, "FILE", "PEM authorities to trust", "those of the system"),
    *timeout_options(TIMEOUTS.connect, TIMEOUTS.first_byte, TIMEOUTS.gap, TIMEOUTS.total),
)
_POOL = (
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
_MAX_BODY = Option(
    "max-body",
    None,
    size(0, MOST_BYTES, unlimited=None),
    "SIZE",
    "limit of a request body, which is relayed as it arrives",
    shown="unlimited",
)
TABLE: Table = {
    "requests": _REQUESTS,
    "responses": _ANSWERS,
    "the upstream": _UPSTREAM,
    "connections to the upstream": _POOL,
    "recording": RECORD,
    **ENGINE,
    "limits": (
        engine_options.max_connections("half of its descriptors"),
        _MAX_BODY,
    ),
    "figures": (figures.option(False, "off"),),
}
