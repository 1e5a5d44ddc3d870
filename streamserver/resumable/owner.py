"""Who an answer belongs to: digests of the credentials in the request that it answers."""

from collections.abc import Collection

from streamserver.feed.idempotency import digest
from streamserver.kit.request import Request

FIELDS = frozenset(("authorization", "x-api-key", "api-key", "x-goog-api-key"))
"""Fields with credentials, besides Cookie. AI services define the others."""

MOST = 100
"""Cookies that have a digest each; more than browsers send. A request with more has one for all, so
that the size of an owner is bounded."""


def owner_of(request: Request, cookies: Collection[str] | None) -> str:
    """The owner of what this request asks for: a digest for each credential, separated by spaces.

    ``cookies``: the names of those that are credentials; None for all.
    """
    credentials, pairs = set[str](), set[str]()
    for name, value in request.headers.items():
        if name in FIELDS:
            credentials.add(f"{name}: {value}")
        elif name == "cookie":
            pairs.update(pair.strip() for pair in value.split(";"))
    pairs.discard("")
    if cookies is not None:
        pairs = {pair for pair in pairs if pair.partition("=")[0].strip() in cookies}
    if len(pairs) > MOST:
        pairs = {"; ".join(sorted(pairs))}
    credentials.update(f"cookie: {pair}" for pair in pairs)
    return " ".join(sorted(digest(each.encode()) for each in credentials))


def scope_of(request: Request, cookies: Collection[str] | None) -> str:
    """In what the idempotency key of a request is unique: its credentials without the cookies if
    there are others, because an upstream may set a cookie with the first response."""
    return owner_of(request, ()) or owner_of(request, cookies)


def includes(owner: str, other: str) -> bool:
    """Whether a request of ``owner`` has all credentials of the other one, so that it may read and
    cancel what belongs to that."""
    return {*other.split()} <= {*owner.split()}
