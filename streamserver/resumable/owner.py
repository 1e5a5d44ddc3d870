"""Who an answer belongs to: a digest of the credentials in the request that it answers."""

from collections.abc import Collection

from streamserver.feed.idempotency import digest
from streamserver.kit.request import Request

FIELDS = frozenset(("authorization", "x-api-key", "api-key", "x-goog-api-key"))
"""Fields with credentials, besides Cookie. AI services define the others."""


def owner_of(request: Request, cookies: Collection[str] | None) -> str:
    """The owner of what this request asks for; "" if it has no credentials.

    ``cookies``: the names of those that are credentials; None for all.
    """
    parts = []
    for name, value in request.headers.items():
        if name in FIELDS:
            parts.append(f"{name}: {value}")
        elif name == "cookie":
            pairs = filter(None, [pair.strip() for pair in value.split(";")])
            parts += [
                f"cookie: {pair}"
                for pair in pairs
                if cookies is None or pair.partition("=")[0].strip() in cookies
            ]
    return digest(*[part.encode() for part in sorted(parts)]) if parts else ""
