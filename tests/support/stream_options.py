"""The options of a stream, from a query."""

from streamserver.kit.request import Query
from streamserver.lab.target.parameters import StreamOptions, make_options


def stream_options(query: str) -> StreamOptions:
    """The options of a query, with the seed 1 unless it has another."""
    return make_options(Query(f"{query}&seed=1" if "seed=" not in query else query))
