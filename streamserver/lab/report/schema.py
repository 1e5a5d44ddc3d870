"""The documented forms of a report for programs: the JSON Schema of ``--json`` (draft 2020-12), and
the columns of ``--csv``.

Members and columns may be added without a new version, so readers ignore those they do not know.
"""

from streamserver.lab.report import schema_types as of
from streamserver.lab.report.csv_lines import COLUMNS, OF_A_COMPARISON
from streamserver.lab.report.report import PERCENTILES, VERSION
from streamserver.lab.report.schema_types import Schema
from streamserver.lab.report.summary import FIGURES, MILESTONES

_DISTRIBUTION = {"$ref": "#/$defs/distribution"}


def columns() -> str:
    """The columns of CSV with their meanings, a line each."""
    meanings = OF_A_COMPARISON | {column.name: column.meaning for column in COLUMNS}
    width = max(map(len, meanings)) + 2
    return "".join([f"{name:<{width}}{meaning}\n" for name, meaning in meanings.items()])


def json_schema() -> Schema:
    """The schema of ``Report.to_json``."""
    return of.document(
        "Report of streamserver bench",
        "Durations are in milliseconds, shares from 0 to 1, rates per second.",
        {
            "version": {"const": VERSION, "description": "of this form"},
            "title": of.string("the measured request, without secrets"),
            "run": of.nullable(run()),
            "seconds": of.number("from the first planned beginning to the last end"),
            "valid": of.boolean("whether the measurement is valid"),
            "not_valid": of.list("why it is not valid", of.string("a reason")),
            "server": of.object("the server that answered", server()),
            "exchanges": _exchanges(),
            "reads": of.count("reads from the socket"),
            "chunks": of.count("chunks of the chunked coding"),
            "events": of.count("events, or lines of JSON"),
            "bytes": of.count("bytes of bodies, without framing"),
            "milestones": _distributions("durations from the planned beginning", MILESTONES),
            "figures": _distributions("figures by their usual names", FIGURES),
            "tokens": _tokens(),
            "throughput": _throughput(),
            "goodput": of.nullable(_goodput()),
            "client": _client(),
            "target": _target(),
            "verdicts": of.list("findings", _verdict()),
            "objectives": of.list("objectives of --slo", objective()),
        },
        distribution=of.nullable(_distribution()),
    )


def run() -> Schema:
    """The schema of ``About.to_json``."""
    return of.object(
        "when and how the report was made; null for one made in a program",
        {
            "date": of.string("beginning of the run, as in RFC 3339"),
            "ended": of.nullable(of.string("its end")),
            "version": of.string("of this program and of Python"),
            "machine": of.string("operating system and number of cores"),
            "command": of.string("the command line, without secrets"),
            "asked": of.map("the request and the load, in words", of.string("in words")),
            "options": of.map("the options that were given", of.string("the value")),
        },
    )


def server() -> dict[str, Schema]:
    """The members that describe a server."""
    return {
        "address": of.string("its first address, with the port; empty if unknown"),
        "software": of.list("the first different fields Server", of.string("a field")),
    }


def _exchanges() -> Schema:
    return of.object(
        "how exchanges ended",
        {
            **ends(),
            "errors": of.nullable(of.number("share that did not end well, without stopped ones")),
            "unsent": of.count("planned exchanges that could not begin"),
            "retried": of.count("sent again, since a kept connection had been closed"),
            "warm_up": of.count("exchanges of the warm-up, which count nowhere else"),
        },
    )


def ends() -> dict[str, Schema]:
    """The members of ``Summary.ends_json``."""
    return {
        "ended": of.map("number by end; complete is a success", of.count("exchanges")),
        "statuses": of.map("number by status; 0 without a response", of.count("exchanges")),
        "answers": of.map("first line of one body by status", of.string("a line")),
        "reasons": of.map("number by reason, of the first different ones", of.count("exchanges")),
    }


def _tokens() -> Schema:
    return of.object(
        "tokens of models' answers that were served",
        {
            "input": of.count("as reported by the service"),
            "cached": of.count("input tokens read from its cache"),
            "output": of.count("reasoning included"),
            "reasoning": of.count("output tokens that were reasoning"),
            "answers_by_usage": of.count("answers whose output tokens the service reported"),
            "answers_by_events": of.count("answers whose output tokens are their token events"),
        },
    )


def _throughput() -> Schema:
    return of.object(
        "rates of the whole run",
        {
            "requests_per_second": of.number("complete exchanges / seconds"),
            "output_tokens_per_second": of.number("output tokens / seconds"),
            "output_tokens_per_second_of_a_request": {
                **_DISTRIBUTION,
                "description": "output tokens / E2E latency of each; no duration, a rate",
            },
        },
    )


def _goodput() -> Schema:
    return of.object(
        "exchanges that kept every limit of --goodput; null without limits",
        {
            "limits": of.list("the limits", of.string("as in ttft=500ms")),
            "good": of.count("complete exchanges that kept all"),
            "share": of.nullable(of.number("of those that the client did not stop")),
            "requests_per_second": of.number("good / seconds"),
        },
    )


def _client() -> Schema:
    return of.object(
        "the client itself",
        {
            "resolving": of.number("the name resolution before the run"),
            "start_late": _DISTRIBUTION | {"description": "how late exchanges began"},
            "loop_lag": _DISTRIBUTION | {"description": "how late its event loop ran timers"},
        },
    )


def _target() -> Schema:
    return of.object(
        "from the stamps of this program's own target",
        {
            "late": _DISTRIBUTION | {"description": "from due to sent, of each event"},
            "delay": _DISTRIBUTION | {"description": "from sent to arrived, of each event"},
        },
    )


def _verdict() -> Schema:
    return of.object("", {"name": of.string("the finding"), "evidence": of.string("its figures")})


def objective(**further: Schema) -> Schema:
    """The schema of an objective; ``further``: members before its own."""
    measured = of.nullable(of.number("a duration or a share; null if nothing was measured"))
    return of.object(
        "",
        further
        | {
            "objective": of.string("as given"),
            "measured": measured,
            "met": of.boolean("whether met"),
        },
    )


def _distribution() -> Schema:
    names = ("mean", *[f"p{percentile:g}" for percentile in PERCENTILES], "min", "max")
    members = {"count": of.count("values")} | {name: of.number("") for name in names}
    return of.object("null without any value", members)


def _distributions(about: str, names: tuple[str, ...]) -> Schema:
    return of.object(about, dict.fromkeys(names, _DISTRIBUTION))
