"""Parameters of the lab, from the query or from ``X-Lab-*`` fields.

``?fail_rate=0.1`` and ``X-Lab-Fail-Rate: 0.1`` mean the same. The query takes precedence, since it
is what people see.
"""

from collections.abc import Container
from random import randrange
from typing import Any
from urllib.parse import unquote_plus, urlencode

from streamserver.kit.params import Parameter, whole
from streamserver.kit.request import Query, Request
from streamserver.wire.fields import Headers

PREFIX = "x-lab-"
MAX_SEED = 2**53
_SEED = whole("seed", 0, MAX_SEED, default=-1)

Documented = tuple[Parameter[Any], str]
"""A parameter and what it means, as the index of the target shows it."""


def given(request: Request, names: frozenset[str]) -> Query | None:
    """All parameters of the request, if one of ``names`` is among them, else None."""
    query = request.target.partition("?")[2]
    # Hardly any request has one, and this is cheap to see. "%": a name may be percent-encoded.
    in_query = "%" in query or any(name in query for name in names)
    if not in_query and not any(field.startswith(PREFIX) for field, _ in request.headers):
        return None
    pairs = request.query.items()
    known = dict(pairs)
    pairs += [pair for pair in from_fields(request) if pair[0] not in known]
    return Query(urlencode(pairs)) if names.intersection(dict(pairs)) else None


def read_seed(given: Query) -> int:
    """The seed, or a random one if there is none; HTTPError 400 for a wrong one."""
    seed = _SEED.of(given)
    return seed if seed >= 0 else randrange(MAX_SEED)


def without(request: Request, names: Container[str]) -> tuple[str, Headers]:
    """The target and the fields of a request, without these parameters."""
    path, mark, query = request.target.partition("?")
    kept = [one for one in query.split("&") if unquote_plus(one.partition("=")[0]) not in names]
    fields = [pair for pair in request.headers if _parameter(pair[0]) not in names]
    return path + (mark if kept else "") + "&".join(kept), Headers.of_lower(fields)


def from_fields(request: Request) -> list[tuple[str, str]]:
    """The names and values of the parameters that are given as fields."""
    pairs = [(_parameter(field), value) for field, value in request.headers]
    return [(name, value) for name, value in pairs if name is not None]


def _parameter(field: str) -> str | None:
    """The name of the parameter that a field gives; None for any other field."""
    return field.removeprefix(PREFIX).replace("-", "_") if field.startswith(PREFIX) else None
