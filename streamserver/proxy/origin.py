"""Where an upstream is: a URL, and the way to a connection."""

import asyncio
import re
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

_is_authority = re.compile(r"[A-Za-z0-9._~!$&'()*+;=%\[\]:-]+").fullmatch
FORMS = "http://HOST[:PORT][/BASE], https://HOST[:PORT][/BASE] or unix:/PATH[:/BASE]"


@dataclass(frozen=True, slots=True)
class Origin:
    """An upstream's address, and what lies below ``base`` there."""

    authority: str
    """What the Host field says (RFC 9110, section 7.2)."""
    base: str
    """A path that every target is put behind, without a slash at its end."""
    host: str = ""
    port: int = 0
    socket_path: str = ""
    tls: ssl.SSLContext | None = field(default=None, repr=False)

    async def connect(self, make_protocol: Callable[[], asyncio.BaseProtocol]) -> None:
        """Open a connection, TLS included. OSError, of which SSLError is one, if there is none."""
        loop: Any = asyncio.get_running_loop()
        if self.socket_path:
            await loop.create_unix_connection(make_protocol, self.socket_path)
        else:
            # The name is also what the certificate must be for, and what SNI says.
            await loop.create_connection(make_protocol, self.host, self.port, ssl=self.tls)


def parse_origin(url: str, tls: ssl.SSLContext | None = None) -> Origin:
    """Read an upstream's URL; ValueError that says which forms there are.

    ``tls`` is for an https URL: by default certificates are verified against the system's
    authorities.
    """
    if url.startswith("unix:"):
        path, _, base = url.removeprefix("unix:").partition(":")
        if not path.startswith("/"):
            raise _refusal(url, "a unix socket has an absolute path")
        return Origin("localhost", _base(url, base), socket_path=path)
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise _refusal(url, str(error)) from None
    if parts.scheme not in ("http", "https") or not host:
        raise _refusal(url, "it names no scheme or no host")
    if not _is_authority(parts.netloc):
        raise _refusal(url, "its host is not a name or an address in ASCII")
    if parts.query or parts.fragment:
        raise _refusal(url, "it has a query or a fragment")
    authority = parts.netloc
    secure = parts.scheme == "https"
    context = (tls or client_context()) if secure else None
    base = _base(url, parts.path)
    return Origin(authority, base, host, port or (443 if secure else 80), tls=context)


def client_context(authorities: str | None = None) -> ssl.SSLContext:
    """TLS that verifies, against a PEM file of authorities or the system's; OSError without it."""
    context = ssl.create_default_context(cafile=authorities)
    context.set_alpn_protocols(["http/1.1"])
    return context


def _base(url: str, path: str) -> str:
    if not path.isascii() or not path.isprintable() or " " in path:
        raise _refusal(url, "its path is not percent-encoded")
    if "?" in path or "#" in path:
        raise _refusal(url, "it has a query or a fragment")
    if path and not path.startswith("/"):
        raise _refusal(url, "its path does not begin with a slash")
    return path.rstrip("/")


def _refusal(url: str, why: str) -> ValueError:
    if "@" in url:  # Neither it nor what is wrong with it is repeated: it may hold a password.
        return ValueError(f"this is no upstream's URL, which has no user name; it is {FORMS}")
    return ValueError(f"{url!r} is no upstream: {why}; it is {FORMS}")
