"""Knobs of a wrapper around a handler: read, and taken out of what the handler sees."""

from collections.abc import Container, Iterable
from urllib.parse import unquote_plus, urlencode

from streamserver.kit.request import Query, Request
from streamserver.wire.fields import Headers

PREFIX = "x-lab-"


def may_give(request: Request, names: Iterable[str]) -> bool:
    """Whether the request may give one of these; nearly always not, and that costs little."""
    query = request.target.partition("?")[2]
    if "%" in query or any(name in query for name in names):  # a name may be written with "%"
        return True
    return any(field.startswith(PREFIX) for field, _ in request.headers)


def given(request: Request) -> Query:
    """What the request gives, by the names of a query; of one name, the query's alone."""
    pairs = request.query.items()
    names = dict(pairs)
    for field, value in request.headers:
        name = knob(field)
        if name is not None and name not in names:
            pairs.append((name, value))
    return Query(urlencode(pairs))


def without(request: Request, names: Container[str]) -> tuple[str, Headers]:
    """The target and the fields of a request, without these knobs."""
    path, mark, query = request.target.partition("?")
    kept = [one for one in query.split("&") if unquote_plus(one.partition("=")[0]) not in names]
    fields = [pair for pair in request.headers if knob(pair[0]) not in names]
    return path + (mark if kept else "") + "&".join(kept), Headers.of_lower(fields)


def knob(field: str) -> str | None:
    """The name of the knob that a field of the request commands; None for any other field."""
    return field.removeprefix(PREFIX).replace("-", "_") if field.startswith(PREFIX) else None
