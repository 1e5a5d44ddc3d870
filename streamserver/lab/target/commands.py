"""What a request commands, by name, before any of it is understood.

Each command is a parameter of the query, or a field of the request: ``?gap=0.1`` and ``X-Lab-Gap:
0.1`` are the same. The query wins, since it is what people see. A name that is not known is
refused: whoever writes ``?jiter=normal`` would else measure something else than he thinks.
"""

from collections.abc import Iterable
from random import randrange
from urllib.parse import urlencode

from streamserver.kit.nearest import did_you_mean
from streamserver.kit.request import Query, Request
from streamserver.lab.faults import faulty
from streamserver.lab.outer import knob
from streamserver.lab.target import slots
from streamserver.lab.target.distributions import USUAL
from streamserver.lab.target.knobs import MOST_SEED, PARAMETERS, Knobs
from streamserver.lab.target.limits import check
from streamserver.wire.problem import HTTPError

FREE = "_"
"""A name in the query that commands nothing: for those who must make each URL a new one."""


def commands(request: Request, *known: Iterable[str]) -> Query:
    """What the request commands; each name is in ``known``, and there once.

    HTTPError 400, which names the one that is not, and all that are known.
    """
    names = sorted({name for some in known for name in some})
    asked = [(name, value) for name, value in request.query.items() if name != FREE]
    given = [(knob(field), value) for field, value in request.headers]
    fields = [(name, value) for name, value in given if name is not None]
    for source, pairs in (("the query", asked), ("the fields", fields)):
        seen = set()
        for name, _ in pairs:
            if name not in names:
                raise _unknown(name, names)
            if name in seen:
                raise HTTPError(400, f"{name} is in {source} more than once", parameter=name)
            seen.add(name)
    return Query(urlencode([*asked, *fields]))


def read(request: Request, *groups: Iterable[str]) -> Knobs:
    """The knobs that the request commands, of these groups; HTTPError 400 that names the one that
    is wrong."""
    return knobs_of(commands(request, *groups))


def knobs_of(commanded: Query) -> Knobs:
    """The knobs among these commands, which may hold others; HTTPError 400 likewise."""
    values = {name: parameter.of(commanded) for name, parameter in PARAMETERS.items()}
    for jitter, spread in (("jitter", "spread"), ("size_jitter", "size_spread")):
        if spread not in commanded:
            values[spread] = USUAL[values[jitter]]
        elif values[jitter] == "none":
            raise HTTPError(400, f"{spread} needs {jitter}", parameter=spread)
    if "seed" not in commanded:
        values["seed"] = randrange(MOST_SEED)
    values["stamps"] = values["stamps"] == "1"
    knobs = Knobs(**values)
    check(knobs)
    return knobs


def _unknown(name: str, names: list[str]) -> HTTPError:
    known = ", ".join(names)
    hint = did_you_mean(name, names) or did_you_mean(name, sorted(faulty.OURS | slots.OURS))
    wrong = f"{name[:40]!a} is no knob of this endpoint{hint}"
    detail = f"{wrong}: there are {known} (and {FREE}, which is free)"
    return HTTPError(400, detail, parameter=name[:40], allowed=known)
