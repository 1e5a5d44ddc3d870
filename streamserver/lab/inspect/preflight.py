"""The preflight of a request: whether a browser sends it, and what it asks (Fetch, section 4.8)."""

from streamserver.lab.client.request import RequestSpec
from streamserver.wire.fields import media_type

METHODS = frozenset(("GET", "HEAD", "POST"))
"""CORS-safelisted methods (Fetch, section 2.2.1)."""
TYPES = frozenset(("application/x-www-form-urlencoded", "multipart/form-data", "text/plain"))
LONGEST = 128
"""Bytes of the value of a safelisted field."""
_SAFELISTED = frozenset(("accept", "accept-language", "content-language", "content-type"))
_OF_THE_BROWSER = frozenset(
    (
        *("accept-charset", "accept-encoding", "access-control-request-headers"),
        *("access-control-request-method", "connection", "content-length", "cookie", "cookie2"),
        *("date", "dnt", "expect", "host", "keep-alive", "origin", "referer", "set-cookie", "te"),
        *("trailer", "transfer-encoding", "upgrade", "user-agent", "via"),
    )
)
"""Fields that scripts cannot set (Fetch, section 2.2.2), and User-Agent, which a page has no reason
to set."""
_UNSAFE = frozenset(b'"():<>?@[\\]{}\x7f') | frozenset(range(0x20)) - {0x09}


def unsafe_fields(spec: RequestSpec) -> list[str]:
    """The names of fields that a script sets and that need a preflight, as a browser lists them."""
    names = {name.lower() for name, value in spec.fields if not _is_safelisted(name.lower(), value)}
    # EventSource sets Last-Event-ID and asks for no preflight.
    return sorted(
        name
        for name in names - _OF_THE_BROWSER - {"last-event-id"}
        if not name.startswith(("proxy-", "sec-"))
    )


def preflight_of(spec: RequestSpec, origin: str) -> RequestSpec | None:
    """The preflight of a request from a page; None if a browser sends none."""
    names = unsafe_fields(spec)
    if spec.method in METHODS and not names:
        return None
    asked = [("access-control-request-headers", ",".join(names))] if names else []
    method = ("access-control-request-method", spec.method)
    return RequestSpec(spec.url, "OPTIONS", (("origin", origin), method, *asked))


def _is_safelisted(name: str, value: str) -> bool:
    """Whether the field needs no preflight (Fetch, section 2.2.2)."""
    if name not in _SAFELISTED or len(value) > LONGEST:
        return False
    if name in ("accept", "content-type") and _UNSAFE & set(value.encode("utf-8", "replace")):
        return False
    return name != "content-type" or media_type(value) in TYPES
