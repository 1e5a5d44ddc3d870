"""Connections to Redis: which URLs are accepted, and with which options redis-py connects.

redis-py takes every option of a connection from the URL, and prefers it to an argument. Some break
a feed: decoded answers, another protocol, a timeout that is shorter than a blocking read. So only
the parameters that name the server and the user are accepted.
"""

import re
from typing import Any
from urllib.parse import SplitResult, parse_qsl, urlsplit

from streamserver.extras import install_hint

CONNECTIONS = 32
"""Commands that run at a time; further ones wait, or fail when the timeout is over."""

FORMS = "redis://HOST:PORT/DB, rediss://HOST:PORT/DB or unix://PATH"
TEXT = r"(?s).+", "one character or more"
DATABASE = "[0-9]+", "the number of a database"
PARAMETERS = {"client_name": TEXT, "db": DATABASE, "password": TEXT, "username": TEXT}
"""Each with a pattern for its value, and what that means."""
TLS_PARAMETERS = {
    **PARAMETERS,
    "ssl_ca_certs": TEXT,
    "ssl_cert_reqs": ("none|optional|required", "none, optional or required"),
    "ssl_certfile": TEXT,
    "ssl_check_hostname": ("false|true", "false or true"),
    "ssl_keyfile": TEXT,
}


class NotConnected(ConnectionError):
    """There is no connection to Redis, so no command was sent."""


class Connections:
    """The connections to the Redis at ``url``, which has ``timeout`` seconds to connect and to
    answer. ValueError for an invalid URL, RuntimeError without redis-py (the extra ``redis``).

    ``refusals``: the exceptions of an error reply, ``failures``: these and those of a connection.
    """

    def __init__(self, url: str, timeout: float) -> None:
        check_url(url)
        try:
            from redis.exceptions import RedisError, ResponseError
        except ImportError as error:
            raise RuntimeError(f"Redis needs redis-py: {install_hint('redis')}") from error
        self._url = url
        self._timeout = timeout
        self._client: Any = None
        self.refusals: type[Exception] = ResponseError
        self.failures: tuple[type[Exception], ...] = (RedisError, OSError)

    @property
    def client(self) -> Any:
        """The client for commands that return at once."""
        if self._client is None:
            self._client = self.connect(self._timeout)
        return self._client

    def connect(self, timeout: float) -> Any:
        """A client with a pool of its own, whose commands may take ``timeout`` seconds."""
        from redis.asyncio import BlockingConnectionPool, Redis
        from redis.asyncio.retry import Retry
        from redis.backoff import NoBackoff

        class Pool(BlockingConnectionPool):
            async def get_connection(self, *arguments: Any, **options: Any) -> Any:
                base: Any = super()
                try:
                    return await base.get_connection(*arguments, **options)
                except Exception as error:
                    raise NotConnected(str(error)) from error

        over_tcp = {"socket_keepalive": True} if urlsplit(self._url).scheme != "unix" else {}
        # No retry: a command whose answer was lost may have added its event. RESP2, since all
        # versions of redis-py return the same values for it.
        pool = Pool.from_url(
            self._url,
            max_connections=CONNECTIONS,
            timeout=self._timeout,
            protocol=2,
            retry=Retry(NoBackoff(), 0),
            socket_timeout=timeout,
            socket_connect_timeout=self._timeout,
            **over_tcp,
        )
        return Redis.from_pool(pool)

    async def close(self) -> None:
        """Close the connections of ``client``."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()


def check_url(url: str) -> None:
    """ValueError names what is wrong with a URL and what is allowed, but never shows a password."""
    try:
        parts = urlsplit(url)
    except ValueError:  # whose text may contain the URL
        raise ValueError(f"a Redis URL must be {FORMS}: this one cannot be parsed") from None
    # After the host, an @ can only be of a password whose / or ? is not percent-encoded.
    may_show = "@" not in parts.path + parts.query

    def check(what: str, text: str, rule: tuple[str, str]) -> None:
        pattern, allowed = rule
        if not re.fullmatch(pattern, text):
            shown = f", not {text[:40]!a}" if may_show else ""
            raise ValueError(f"{what} must be {allowed}{shown}")

    if parts.scheme not in ("redis", "rediss", "unix"):
        raise ValueError(f"a Redis URL must be {FORMS}: this one has another scheme")
    if parts.fragment:
        raise ValueError("a # in a Redis URL must be written as %23")
    if parts.scheme == "unix":
        check("the path of a unix:// URL", parts.path, TEXT)
    else:
        if not _has_valid_port(parts):
            raise ValueError("the port of a Redis URL must be a number from 1 to 65535")
        check("the path of a Redis URL", parts.path.strip("/") or "0", DATABASE)
    rules = TLS_PARAMETERS if parts.scheme == "rediss" else PARAMETERS
    names = "|".join(rules), ", ".join(rules)
    for name, value in parse_qsl(parts.query, keep_blank_values=True):
        check("a parameter of a Redis URL", name, names)
        check(f"{name} in a Redis URL", value, rules[name])


def _has_valid_port(parts: SplitResult) -> bool:
    try:
        return parts.port != 0  # redis-py would use its default port
    except ValueError:
        return False
