"""What an inspection has to say of each set-up: the verdicts that are wrong, and a figure of each.

All other verdicts are not wrong. A name is a set-up of ``start``, a target, and options that an
inspection has beside it.
"""

import re
from dataclasses import dataclass, field
from typing import Any

from streamserver.lab.inspect.inspection import Inspection
from support.setups.rhythms import HEAVY, RHYTHMS


@dataclass(frozen=True, slots=True)
class Case:
    """A set-up, and what is wrong with it."""

    setup: str
    target: str
    wrong: dict[str, str] = field(default_factory=dict)
    """Names of verdicts, with a regular expression for a part of the evidence of each."""
    options: dict[str, Any] = field(default_factory=dict)
    """Of ``probe``."""
    also: tuple[str, ...] = ()
    """Verdicts that the same fault makes wrong if no response without a coding was recorded."""
    is_heavy: bool = False
    """Whether it sends so much that it delays those that are inspected at the same time."""
    may_be_missed: bool = False
    """Whether the recordings show the fault only on a machine that is not too busy."""

    def missed(self, inspection: Inspection) -> list[str]:
        """The names of the faults that an inspection does not name, or without their figures."""
        found = wrong(inspection)
        if self.may_be_missed and not found:
            return []
        return [
            name for name, part in self.wrong.items() if not re.search(part, found.get(name, ""))
        ]

    def false(self, inspection: Inspection) -> dict[str, str]:
        """The verdicts that blame something else, with their evidence."""
        found = wrong(inspection)
        return {name: found[name] for name in found.keys() - self.wrong.keys() - {*self.also}}

    @property
    def name(self) -> str:
        """What tests and tables call it."""
        options = "".join(f" {name}={value}" for name, value in self.options.items())
        return f"{self.setup}{self.target}{options}"


def wrong(inspection: Inspection) -> dict[str, str]:
    """The verdicts that are wrong, with their evidence."""
    return {one.name: one.evidence for one in inspection.verdicts if one.status == "wrong"}


ORIGIN = {"origin": "https://app.example"}
IDLE = {"idle": 0.3}
TOGETHER = r"the head and the first event came together, after \d\.\d+ s"
ALL_AT_END = r"and the end arrived together after \d\.\d+ s"
HELD = "with gzip, "
AGAIN = r"with the events 0 to \d+, which had arrived before"
MISSING = r"begins with the event \w+: the events? .*, which another response has, did not come"

RHYTHMIC = tuple(
    Case(name, f"/rhythm/{rhythm}", is_heavy=rhythm in HEAVY)
    for name in ("ours", "aiohttp_app", "starlette_app")
    for rhythm in RHYTHMS
)
HEALTHY = (
    *RHYTHMIC,
    *(Case(name, "/numbers") for name in ("ours", "aiohttp_app", "starlette_app")),
    *(Case(name, "/endless") for name in ("ours", "aiohttp_app", "starlette_app")),
    *(Case("ours", path) for path in ("/feed", "/compressed", "/compressed-feed")),
    Case("target", "/sse?count=24&gap=0.05"),
    Case("target", "/sse?count=24&gap=0.05&stamps=1"),
    Case("target", "/jsonl?count=24&gap=0.05"),
    *(
        Case(name, "/healthy")
        for name in (
            *("origin", "nginx", "nginx-h1", "nginx-h2", "nginx-gzip-unbuffered"),
            *("haproxy", "apache", "apache-deflate"),
        )
    ),
    # That nginx requests it in HTTP/1.0 does no harm while it works, and only a target reports it.
    Case("nginx-old", "/healthy"),
    Case("apache", "/cgi"),
    *(
        Case("origin", target)
        for target in (
            *("/plain", "/lines", "/chat", "/early-head", "/gzip-flushed", "/endless"),
            *("/live", "/live?ids=words"),
        )
    ),
    Case("origin", "/silent?beat=0.2&silence=1", options=IDLE),
    Case("origin", "/healthy?cors=any", options=ORIGIN),
    Case("origin", "/healthy?cors=this", options=ORIGIN),
)
FAULTY = (
    Case("nginx-shipped", "/healthy", {"head": TOGETHER, "buffering": ALL_AT_END}),
    Case(
        "nginx-old",
        "/needs-chunks",
        {"head": TOGETHER, "framing": "Content-Length is 902", "buffering": ALL_AT_END},
    ),
    Case(
        "nginx-old-target",
        "/sse?count=24&gap=0.05&stamps=1",
        {"framing": "a hop requested the stream in HTTP/1.0"},
    ),
    Case("origin", "/needs-chunks", {"framing": "HTTP/1.0 request has a Content-Length"}),
    Case("nginx-gzip", "/healthy", {"compression": HELD}, also=("head",)),
    Case("nginx-short", "/silent", {"cut": "an idle timer of 1 s", "end": "without a last-chunk"}),
    # Without stamps, HAProxy's delay of 200 ms is shown by its size alone.
    Case(
        "haproxy-shipped", "/healthy", {"buffering": r"the head came 0\.2\d s"}, may_be_missed=True
    ),
    Case(
        "haproxy-shipped-target",
        "/sse?count=24&gap=0.05&stamps=1",
        {"buffering": "by the stamps of 24 events, the delay on the way is "},
    ),
    Case(
        "haproxy-short", "/silent", {"cut": "an idle timer of 1 s", "end": "without a last-chunk"}
    ),
    Case(
        "apache-deflate",
        "/cgi",
        {"framing": "Content-Length is 127", "compression": HELD},
        also=("head",),
    ),
    Case("origin", "/length", {"framing": "Content-Length is 902"}),
    Case(
        "origin",
        "/whole",
        {"head": TOGETHER, "framing": "Content-Length is 902", "buffering": ALL_AT_END},
    ),
    Case("origin", "/typeless", {"type": "there is no Content-Type"}),
    Case("origin", "/text", {"type": "text/plain"}),
    Case(
        "unflushed",
        "/",
        {"head": TOGETHER, "framing": "HTTP/1.0", "buffering": ALL_AT_END},
    ),
    Case("stdlib", "/", {"framing": "HTTP/1.0"}),
    Case(
        "single",
        "/",
        {"framing": "HTTP/1.0", "second request": r"got no response within \d\.\d+ s"},
    ),
    Case(
        "origin",
        "/cut",
        {
            "cut": "a limit of the whole response of 1 s",
            "end": r"closed after \d\.\d+ s",
            "reconnection": AGAIN,
        },
    ),
    Case(
        "origin",
        "/cut?reset=1",
        {
            "cut": "a limit of the whole response of 1 s",
            "end": r"reset after \d\.\d+ s",
            "reconnection": AGAIN,
        },
    ),
    Case("origin", "/repeats", {"reconnection": AGAIN}),
    Case("origin", "/overlap", {"reconnection": r"with the event \d+, which had arrived before"}),
    Case("origin", "/hole", {"reconnection": MISSING}),
    Case("origin", "/live-hole", {"reconnection": MISSING}),
    Case(
        "origin",
        "/live-repeats?ids=words",
        {"reconnection": r"with the events \w+ to \w+, which had arrived before"},
    ),
    Case("origin", "/busy?work=6", {"second request": r"got no response within \d\.\d+ s"}),
    Case("other-origin", "/refusing?work=3", {"second request": "got a 503"}),
    Case("origin", "/late-head?wait=1.2&count=8", {"head": TOGETHER}),
    Case("origin", "/at-the-end", {"buffering": r"in one piece, \d\.\d+ s"}),
    Case("origin", "/gzip-held", {"compression": HELD}),
    Case("origin", "/chat?undone=1", {"end": r"has no \[DONE\]"}),
    Case("origin", "/cacheable", {"caching": "max-age=600"}),
    Case(
        "origin", "/close-delimited", {"framing": "a client cannot distinguish its end from a cut"}
    ),
    Case("origin", "/silent", {"heartbeats": r"the longest silence was \d\.\d+ s"}, IDLE),
    Case("origin", "/healthy", {"cors": "Access-Control-Allow-Origin is missing"}, ORIGIN),
    Case("origin", "/healthy?cors=unvaried", {"cors": "Vary does not list Origin"}, ORIGIN),
    Case("origin", "/healthy?cors=other", {"cors": "is https://other.example, not"}, ORIGIN),
)
