"""Knobs, as a query commands them."""

from streamserver.kit.request import Query
from streamserver.lab.target.commands import knobs_of
from streamserver.lab.target.knobs import Knobs


def commanded(query: str) -> Knobs:
    """The knobs of a query, with the seed 1 unless it has another."""
    return knobs_of(Query(f"{query}&seed=1" if "seed=" not in query else query))
