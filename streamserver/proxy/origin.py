"""The address of an upstream, read from a URL."""

import re
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

_is_authority = re.compile(r"[A-Za-z0-9._~!$&'()*+;=%\[\]:-]+").fullmatch
FORMS = "http://HOST[:PORT][/BASE], https://HOST[:PORT][/BASE] or unix:/PATH[:/BASE]"


@dataclass(frozen=True, slots=True)
class Origin:
    """An upstream's address, and the ``base`` of the targets there."""

    authority: str
    """The value of the Host field (RFC 9110, section 7.2)."""
    base: str
    """A path that is put before every target, without a slash at its end."""
    host: str = ""
    port: int = 0
    socket_path: str = ""
    tls: ssl.SSLContext | None = field(default=None, repr=False)

    @property
    def name(self) -> str:
        """For logs: where it is."""
        return (f"unix:{self.socket_path}" if self.socket_path else self.authority) + self.base

    @property
    def url(self) -> str:
        """As ``parse_origin`` reads it."""
        if self.socket_path:
            return f"unix:{self.socket_path}{':' if self.base else ''}{self.base}"
        return f"{'http' if self.tls is None else 'https'}://{self.name}"


def parse_origin(url: str, tls: ssl.SSLContext | None = None) -> Origin:
    """Read an upstream's URL; ValueError names the allowed forms.

    ``tls`` is for an https URL, instead of verification by the system's authorities.
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


def parse_origins(urls: Sequence[str], tls: ssl.SSLContext | None = None) -> list[Origin]:
    """Read the URLs of replicas as ``parse_origin`` does; ValueError if there is none, or if two
    are the same."""
    origins = [parse_origin(url, tls) for url in urls]
    if not origins:
        raise ValueError("at least one URL of an upstream is needed")
    places = [(each.socket_path, each.host, each.port, each.base) for each in origins]
    for origin, place in zip(origins, places, strict=True):
        if places.count(place) > 1:
            raise ValueError(f"the upstream {origin.name} is given twice")
    return origins


def client_context(authorities: str | None = None, verifies: bool = True) -> ssl.SSLContext:
    """TLS that verifies certificates by a PEM file of authorities, or by those of the system;
    OSError if the file cannot be read. ``verifies``: whether it refuses other certificates."""
    context = ssl.create_default_context(cafile=authorities)
    if not verifies:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
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
    if "@" in url:  # not repeated, because it may contain a password
        return ValueError(f"an upstream's URL has no user name; allowed: {FORMS}")
    return ValueError(f"{url!r} is no upstream: {why}; allowed: {FORMS}")
