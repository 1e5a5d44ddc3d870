"""Who an answer belongs to: a digest of the credentials in the request that it answers."""

from collections.abc import Collection

from streamserver.feed.idempotency import digest
from streamserver.kit.request import Request

FIELDS = ("authorization", "x-api-key", "api-key", "x-goog-api-key")
"""Fields with credentials, besides Cookie. AI services define the others."""


def owner_of(request: Request, cookies: Collection[str] | None) -> str:
    """The owner of what this request asks for; "" if it has no credentials.

    ``cookies``: the names of those that are credentials; None for all.
    """
    headers = request.headers
    parts = [f"{name}: {value}" for name in FIELDS if (value := headers.get(name)) is not None]
    pairs = [pair.strip() for value in headers.get_all("cookie") for pair in value.split(";")]
    for pair in sorted(filter(None, pairs)):
        if cookies is None or pair.partition("=")[0].strip() in cookies:
            parts.append(f"cookie: {pair}")
    return digest(*[part.encode() for part in parts]) if parts else ""
