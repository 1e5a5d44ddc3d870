"""What `proxy` can be told of its upstream, besides what every server can be told."""

from typing import get_args

from streamserver.cli import engine_options, figures
from streamserver.cli.engine_options import ENGINE, MOST_BYTES
from streamserver.cli.keys import HEADER_FILE, sources
from streamserver.cli.options import Option, Table, duration
from streamserver.cli.recording import RECORD
from streamserver.cli.values import field, one_of, switch, text, whole
from streamserver.proxy.forwarded import MODES
from streamserver.proxy.proxy import OnBreak
from streamserver.proxy.settings import PoolLimits, Timeouts

TIMEOUTS = Timeouts()
LIMITS = PoolLimits()

_REQUESTS = (
    Option("strip", "", text, "PATH", "taken off the front of targets; others are not found"),
    Option(
        "header",
        (),
        field,
        "'NAME: VALUE'",
        "set in place of the client's; may be repeated, in the variable with a line for each",
        shown="",
        many=True,
    ),
    HEADER_FILE,
    *sources("api-key", "a key, sent as Authorization: Bearer KEY"),
    Option("keep-host", False, switch, "", "send the client's Host, not the upstream's", "off"),
    Option(
        "forwarded",
        MODES[0],
        one_of(*MODES),
        "MODE",
        "who asked, in Forwarded and X-Forwarded-*: replace what the client says, append, or off",
    ),
)
_ANSWERS = (
    duration(
        "relay-heartbeat",
        0.0,
        "of silence before an event stream gets a comment; 0: off",
        zero=True,
    ),
    Option(
        "on-break",
        "cut",
        one_of(*get_args(OnBreak)),
        "HOW",
        "an event stream that breaks: cut, or first an event that reports the failure",
    ),
    Option("server-timing", False, switch, "", "tell in each how long the upstream took", "off"),
)
_UPSTREAM = (
    Option("upstream-ca", None, text, "FILE", "whom to trust, in PEM", "the system's authorities"),
    duration("connect-timeout", TIMEOUTS.connect, "for a connection; 0: off", zero=True),
    duration("first-byte-timeout", TIMEOUTS.first_byte, "for an answer; 0: off", zero=True),
    duration("gap-timeout", TIMEOUTS.gap, "between two pieces of it; 0: off", zero=True),
    duration("total-timeout", TIMEOUTS.total, "for all of it; 0: off", zero=True),
)
_POOL = (
    Option(
        "pool-open",
        LIMITS.open,
        whole(1, 10**9, auto=0),
        "N",
        "open in a process; auto: half of its descriptors",
        shown="auto",
    ),
    Option("pool-idle", LIMITS.idle, whole(0, 10**9), "N", "kept for the next requests"),
    duration("pool-idle-timeout", LIMITS.idle_timeout, "that each is kept; 0: for ever", zero=True),
    duration("pool-wait", LIMITS.wait, "that a request waits while all are in use", zero=True),
)
_MAX_BODY = Option(
    "max-body",
    None,
    whole(0, MOST_BYTES, unlimited=None),
    "BYTES",
    "of a request, which is relayed as it comes and never kept",
    shown="unlimited",
)
TABLE: Table = {
    "requests": _REQUESTS,
    "answers": _ANSWERS,
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
