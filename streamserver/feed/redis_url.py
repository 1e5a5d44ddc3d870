"""What the URL of a Redis may say.

redis-py takes every argument of a connection from it, and in preference to ours. Some of those are
no matter of taste: with answers that are decoded, of another protocol, or that time out before
Redis gives up waiting, a feed would be silent. So only what says whom to ask, and as whom, is let
through.
"""

from urllib.parse import SplitResult, parse_qsl, urlsplit

# Errors show nothing of a password, also where one with / or ? in it has taken the URL apart.

FORMS = "redis://HOST:PORT/DB, rediss://HOST:PORT/DB or unix://PATH"
PARAMETERS = ("client_name", "db", "password", "username")
TLS_PARAMETERS = (
    "ssl_ca_certs",
    "ssl_cert_reqs",
    "ssl_certfile",
    "ssl_check_hostname",
    "ssl_keyfile",
)
VALUES = {
    "ssl_cert_reqs": ("none", "optional", "required"),
    "ssl_check_hostname": ("false", "true"),
}


def check(url: str) -> None:
    """ValueError names what is wrong with a URL, and what is allowed."""
    try:
        where = urlsplit(url)
    except ValueError:  # which may show it
        raise ValueError(f"a Redis URL is {FORMS}: this one cannot be read") from None
    if where.scheme not in ("redis", "rediss", "unix"):
        raise ValueError(f"a Redis URL is {FORMS}: the scheme of this one is none of them")
    if where.fragment:
        raise ValueError("a # in a Redis URL is written %23")
    if where.scheme == "unix":
        if not where.path:
            raise ValueError("a Redis URL with unix:// names a path, as in unix:///run/redis.sock")
    else:
        _check_port(where)
        _check_database("the path of a Redis URL", where.path.strip("/") or "0", where)
    allowed = PARAMETERS + (TLS_PARAMETERS if where.scheme == "rediss" else ())
    for name, value in parse_qsl(where.query, keep_blank_values=True):
        _check_parameter(name, value, allowed, where)


def _check_port(where: SplitResult) -> None:
    try:
        port = where.port
    except ValueError:
        port = 0
    if port == 0:  # redis-py takes it for none
        raise ValueError("the port of a Redis URL is a number from 1 to 65535")


def _check_database(what: str, text: str, where: SplitResult) -> None:
    if not (text.isascii() and text.isdecimal()):
        raise ValueError(f"{what} is the number of a database{_shown(text, where)}")


def _check_parameter(name: str, value: str, allowed: tuple[str, ...], where: SplitResult) -> None:
    if name not in allowed:
        raise ValueError(f"a parameter of a Redis URL is {_either(allowed)}{_shown(name, where)}")
    if name == "db":
        _check_database("db in a Redis URL", value, where)
    elif not value:
        raise ValueError(f"{name} in a Redis URL is empty")
    elif name in VALUES and value not in VALUES[name]:
        raise ValueError(f"{name} in a Redis URL is {_either(VALUES[name])}{_shown(value, where)}")


def _either(words: tuple[str, ...]) -> str:
    return f"{', '.join(words[:-1])} or {words[-1]}"


def _shown(text: str, where: SplitResult) -> str:
    """What was there instead, unless it may be of a password: there is an @ behind the host."""
    return "" if "@" in where.path + where.query else f", not {text[:40]!a}"
