"""The endpoints of the target and what each takes: the data of its index."""

from dataclasses import dataclass, replace
from typing import Any

from streamserver.kit.params import Parameter, text
from streamserver.lab.faults import failing
from streamserver.lab.target import named, slots
from streamserver.lab.target.knobs import PARAMETERS, START, TOKENS, WIRE
from streamserver.lab.target.streams import STREAM


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A path, what it answers and which knobs it takes."""

    path: str
    about: str
    knobs: tuple[str, ...] = ()
    example: str = ""
    """A target for a GET request; "" where none shows anything."""
    method: str = "GET"


_MODEL = (*START, *TOKENS, *WIRE, "stamps")
_NAMED = (*START, *named.PACE, *WIRE)

ENDPOINTS = (
    Endpoint(
        "/sse",
        "an event stream: events of JSON, a number and some text each",
        (*STREAM, "stamps", "line_end"),
        "/sse?count=5&gap=0.5",
    ),
    Endpoint(
        "/jsonl", "the same as lines of JSON", (*STREAM, "stamps"), "/jsonl?count=5&gap=0.5"
    ),
    Endpoint("/raw", "the text alone", STREAM, "/raw?count=5&gap=0.5"),
    Endpoint("/stream/{n}", "n lines of JSON about the request", _NAMED, "/stream/5?gap=0.5"),
    Endpoint(
        "/drip",
        "numbytes bytes within duration seconds, with a Content-Length",
        named.DRIP,
        "/drip?duration=2",
    ),
    Endpoint("/bytes/{n}", "n random bytes with a Content-Length", ("seed",), "/bytes/100?seed=1"),
    Endpoint(
        "/stream-bytes/{n}",
        "n random bytes, in chunks of 10,240 bytes or of chunk_size",
        ("seed", "chunk_size"),
        "/stream-bytes/100?seed=1&chunk_size=10",
    ),
    Endpoint("/delay/{seconds}", "the same as /get, after 60 s at most", (), "/delay/1"),
    Endpoint("/status/{code}", "an empty response with a status of 200 to 599", (), "/status/503"),
    Endpoint("/get", "the query, the fields and the origin of the request", (), "/get?a=b"),
    Endpoint("/headers", "the fields of the request", (), "/headers"),
    Endpoint("/post", "the same as /get, with the body", method="POST"),
    Endpoint("/v1/chat/completions", "a model answers a conversation", _MODEL, method="POST"),
    Endpoint("/v1/completions", "a model continues a text", _MODEL, method="POST"),
    Endpoint("/v1/models", "the models that there are", (), "/v1/models"),
    Endpoint("/v1/models/{name}", "one of them", (), "/v1/models/streamserver-demo"),
    Endpoint("/lab/lateness", "how late this process sent its events", (), "/lab/lateness"),
    Endpoint("/lab/lateness", "forget what was counted", method="DELETE"),
)

_FAULT = replace(text("fault", 1, 1000), allowed="NAME[@UNIT:NUMBER][:VALUE], as truncate@event:5")
KNOBS: dict[str, Parameter[Any]] = {
    **PARAMETERS,
    # Without a seed each stream has its own, and the usual spread depends on the distribution.
    **{name: replace(PARAMETERS[name], default=None) for name in ("seed", "spread", "size_spread")},
    **{one.name: one for one in (named.DURATION, named.NUMBYTES, named.DELAY, named.CODE)},
}
"""The knobs of endpoints, by name."""
OUTER: dict[str, Parameter[Any]] = {
    one.name: one
    for one in (
        *(_FAULT, failing.RATE, failing.FIRST, failing.STATUS, failing.RETRY_AFTER, failing.KEY),
        *(slots.SLOTS, slots.QUEUE, slots.POOL),
    )
}
"""The knobs that every endpoint takes."""
