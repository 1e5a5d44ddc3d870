"""Options of every command that serves, and the engine's settings that they select."""

from argparse import Namespace
from collections.abc import Mapping, Sequence
from dataclasses import fields

from streamserver.cli.config import read_config
from streamserver.cli.config_file import FLAG, VARIABLE, ConfigError
from streamserver.cli.loops import HELP, NAMES
from streamserver.cli.options import Option, Parser, Table, duration, parse
from streamserver.cli.values import one_of, switch, text, trusted_peers, whole
from streamserver.observe.accesslog import FORMATS
from streamserver.server.settings import Settings
from streamserver.serving import logs
from streamserver.wire.forwarded import SOURCES

DEFAULTS = Settings()
PLACES = ("host", "port", "uds")
"""Options that select where to listen, in place of sockets that are passed to the process."""
MOST_BYTES = 2**50


def max_connections(auto: str) -> Option:
    """The option `--max-connections`; `auto` describes its default."""
    return Option(
        "max-connections",
        DEFAULTS.max_connections,
        whole(1, 10**9, auto=0),
        "N",
        f"open connections per process, TLS handshakes included; auto: {auto}",
        shown="auto",
    )


def _deadline(key: str, help: str, *, zero: bool = False) -> Option:
    return duration(key.replace("_", "-"), getattr(DEFAULTS, key), help, zero=zero)


_LISTEN = (
    Option(
        "host", "127.0.0.1", text, "HOST", "host name or address to listen on; :: for every address"
    ),
    Option("port", 8000, whole(0, 65535), "PORT", "port to listen on; 0 selects a free one"),
    Option("uds", None, text, "PATH", "listen on a Unix socket instead of a host and port", ""),
    Option(
        "fd",
        None,
        whole(0, 10**6),
        "N",
        "listen on the inherited descriptor N, a bound stream socket, instead",
        "the sockets of LISTEN_FDS, if a service manager passes some",
    ),
    Option("tls-cert", None, text, "FILE", "serve TLS with this PEM certificate chain", ""),
    Option("tls-key", None, text, "FILE", "PEM key of the certificate, without a passphrase", ""),
)
_PROCESSES = (
    Option("workers", 1, whole(1, 1024), "N", "number of processes that share the address"),
    Option("loop", "auto", one_of(*NAMES), "NAME", HELP),
)
_LOGS = (
    Option(
        "loop-health", True, switch, "", "log what blocks the event loop for more than 100 ms", "on"
    ),
    Option("access-log", True, switch, "", "write a line per exchange to standard output", "on"),
    Option("log-format", "text", one_of(*FORMATS), "FORMAT", "text or json"),
    Option(
        "log-level",
        "info",
        one_of(*logs.LEVELS),
        "LEVEL",
        f"lowest level to log: {', '.join(logs.LEVELS)}",
    ),
)
_WHO = (
    Option(
        "trusted-proxies",
        None,
        trusted_peers,
        "CIDR,...",
        "networks and addresses of proxies that name the client, as in 10.0.0.0/8,::1; unix for"
        " peers of a Unix socket",
        "none",
    ),
    Option(
        "proxy-protocol",
        False,
        switch,
        "",
        "connections begin with a PROXY header (v1 or v2), which names the client; only trusted"
        " proxies may connect",
        "off",
    ),
    Option(
        "trusted-fields",
        SOURCES[0],
        one_of(*SOURCES),
        "FIELDS",
        "fields that these proxies set: x-forwarded for X-Forwarded-For, -Proto and -Host, or"
        " forwarded",
    ),
    Option(
        "request-id",
        True,
        switch,
        "",
        "give each request an id, X-Request-ID, in logs, answers and requests to upstreams",
        "on",
    ),
)
_COMPRESS = Option(
    "compress",
    False,
    switch,
    "",
    "encode responses in zstd or gzip, each piece flushed; not for responses that contain both a"
    " secret and text that others choose, since their length discloses the secret (BREACH)",
    "off",
)
_DEADLINES = (
    _deadline("head_timeout", "for a request head, from its first byte"),
    _deadline("body_timeout", "between two reads of a request body"),
    _deadline("write_timeout", "for a client that reads nothing of a response"),
    _deadline("keep_alive", "for an idle connection, until it is closed"),
    _deadline("max_stream", "for a whole response; 0: off", zero=True),
    _deadline("grace", "for open responses to end after the first signal", zero=True),
)
CHECK = Option(
    "check-config",
    False,
    switch,
    "",
    "read everything that a start reads, print the options that are set, and do not listen",
    "off",
)
_CONFIGURATION = (
    Option(FLAG, None, text, "FILE", "TOML file, whose keys are the names of options", ""),
    CHECK,
)
ENGINE: Table = {
    "configuration": _CONFIGURATION,
    "where to listen": _LISTEN,
    "processes": _PROCESSES,
    "logs": _LOGS,
    "clients and requests": _WHO,
    "compression": (_COMPRESS,),
    "deadlines": _DEADLINES,
}


def read(
    name: str, parser: Parser, table: Table, argv: Sequence[str], environment: Mapping[str, str]
) -> Namespace:
    """`parse` for the command ``name``, whose table contains ENGINE, with the file of `--config`.
    CannotServe if that cannot be read."""

    def read_file(given: Namespace) -> Mapping[str, object]:
        path = getattr(given, FLAG, None) or environment.get(VARIABLE)
        checks = getattr(given, "check_config", bool(environment.get(CHECK.variable)))
        if not path:
            return {}
        try:
            found = read_config(path, name, table, checks)
        except ConfigError as problem:
            parser.refuse(str(problem))
        parser.file = path
        return found

    options = parse(parser, table, argv, environment, read_file)
    if (options.tls_cert is None) != (options.tls_key is None):
        parser.error("--tls-cert and --tls-key go together")
    if options.trusted_fields != SOURCES[0] and not options.trusted_proxies:
        parser.error("--trusted-fields needs --trusted-proxies, the proxies that set these fields")
    if options.fd is not None and (others := places_given(options)):
        parser.error(f"--fd and {others[0]} exclude each other: both select where to listen")
    if options.proxy_protocol and not options.trusted_proxies:
        parser.error(
            "--proxy-protocol needs --trusted-proxies, the load balancers that send the header"
        )
    return options


def places_given(options: Namespace) -> list[str]:
    """The flags of those in PLACES that are set on the command line, in the environment or in the
    file."""
    return [f"--{key}" for key in PLACES if key in options.sources]


def settings(options: Namespace) -> Settings:
    """The engine's settings: those that the options set, else the defaults."""
    given = vars(options)
    named = [field.name for field in fields(Settings)]
    return Settings(**{name: given[name] for name in named if given.get(name) is not None})
