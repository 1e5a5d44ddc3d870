"""The documented forms of a report for programs: the JSON Schema of ``--json`` (draft 2020-12), and
the columns of ``--csv``.

Members and columns may be added without a new version, so readers ignore those they do not know.
"""

from streamserver.lab.report.csv_lines import COLUMNS, OF_A_COMPARISON
from streamserver.lab.report.report import PERCENTILES, VERSION
from streamserver.lab.report.schema_types import (
    Schema,
    boolean,
    count,
    list_of,
    map_of,
    nullable,
    number,
    object_of,
    string,
)
from streamserver.lab.report.summary import FIGURES, MILESTONES

_DISTRIBUTION = {"$ref": "#/$defs/distribution"}


def columns() -> str:
    """The columns of CSV with their meanings, a line each."""
    meanings = OF_A_COMPARISON | {column.name: column.meaning for column in COLUMNS}
    width = max(map(len, meanings)) + 2
    return "".join([f"{name:<{width}}{meaning}\n" for name, meaning in meanings.items()])


def json_schema() -> Schema:
    """The schema of ``Report.to_json``."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Report of streamserver bench",
        **object_of(
            "Durations are in milliseconds, shares from 0 to 1, rates per second.",
            {
                "version": {"const": VERSION, "description": "of this form"},
                "title": string("the measured request, without secrets"),
                "run": nullable(run()),
                "seconds": number("from the first planned beginning to the last end"),
                "valid": boolean("whether the measurement is valid"),
                "not_valid": list_of("why it is not valid", string("a reason")),
                "server": object_of("the server that answered", server()),
                "exchanges": _exchanges(),
                "reads": count("reads from the socket"),
                "chunks": count("chunks of the chunked coding"),
                "events": count("events, or lines of JSON"),
                "bytes": count("bytes of bodies, without framing"),
                "milestones": _distributions("durations from the planned beginning", MILESTONES),
                "figures": _distributions("figures by their usual names", FIGURES),
                "tokens": _tokens(),
                "throughput": _throughput(),
                "goodput": nullable(_goodput()),
                "client": _client(),
                "target": _target(),
                "verdicts": list_of("findings", _verdict()),
                "objectives": list_of("objectives of --slo", objective()),
            },
        ),
        "$defs": {"distribution": nullable(_distribution())},
    }


def run() -> Schema:
    """The schema of ``About.to_json``."""
    return object_of(
        "when and how the report was made; null for one made in a program",
        {
            "date": string("beginning of the run, as in RFC 3339"),
            "ended": nullable(string("its end")),
            "version": string("of this program and of Python"),
            "machine": string("operating system and number of cores"),
            "command": string("the command line, without secrets"),
            "asked": map_of("the request and the load, in words", string("in words")),
            "options": map_of("the options that were given", string("the value")),
        },
    )


def server() -> dict[str, Schema]:
    """The members that describe a server."""
    return {
        "address": string("its first address, with the port; empty if unknown"),
        "software": list_of("the first different fields Server", string("a field")),
    }


def _exchanges() -> Schema:
    return object_of(
        "how exchanges ended",
        {
            **ends(),
            "errors": nullable(number("share that did not end well, without stopped ones")),
            "unsent": count("planned exchanges that could not begin"),
            "retried": count("sent again, since a kept connection had been closed"),
            "warm_up": count("exchanges of the warm-up, which count nowhere else"),
        },
    )


def ends() -> dict[str, Schema]:
    """The members of ``Summary.ends_json``."""
    return {
        "ended": map_of("number by end; complete is a success", count("exchanges")),
        "statuses": map_of("number by status; 0 without a response", count("exchanges")),
        "answers": map_of("first line of one body by status", string("a line")),
        "reasons": map_of("number by reason, of the first different ones", count("exchanges")),
    }


def _tokens() -> Schema:
    return object_of(
        "tokens of models' answers that were served",
        {
            "input": count("as reported by the service"),
            "cached": count("input tokens read from its cache"),
            "output": count("reasoning included"),
            "reasoning": count("output tokens that were reasoning"),
            "answers_by_usage": count("answers whose output tokens the service reported"),
            "answers_by_events": count("answers whose output tokens are their token events"),
        },
    )


def _throughput() -> Schema:
    return object_of(
        "rates of the whole run",
        {
            "requests_per_second": number("complete exchanges / seconds"),
            "output_tokens_per_second": number("output tokens / seconds"),
            "output_tokens_per_second_of_a_request": {
                **_DISTRIBUTION,
                "description": "output tokens / E2E latency of each; no duration, a rate",
            },
        },
    )


def _goodput() -> Schema:
    return object_of(
        "exchanges that kept every limit of --goodput; null without limits",
        {
            "limits": list_of("the limits", string("as in ttft=500ms")),
            "good": count("complete exchanges that kept all"),
            "share": nullable(number("of those that the client did not stop")),
            "requests_per_second": number("good / seconds"),
        },
    )


def _client() -> Schema:
    return object_of(
        "the client itself",
        {
            "resolving": number("the name resolution before the run"),
            "start_late": _DISTRIBUTION | {"description": "how late exchanges began"},
            "loop_lag": _DISTRIBUTION | {"description": "how late its event loop ran timers"},
        },
    )


def _target() -> Schema:
    return object_of(
        "from the stamps of this program's own target",
        {
            "late": _DISTRIBUTION | {"description": "from due to sent, of each event"},
            "delay": _DISTRIBUTION | {"description": "from sent to arrived, of each event"},
        },
    )


def _verdict() -> Schema:
    return object_of("", {"name": string("the finding"), "evidence": string("its figures")})


def objective(**further: Schema) -> Schema:
    """The schema of an objective; ``further``: members before its own."""
    measured = nullable(number("in ns, or a share; null if nothing was measured"))
    return object_of(
        "",
        further
        | {"objective": string("as given"), "measured": measured, "met": boolean("whether met")},
    )


def _distribution() -> Schema:
    names = ("mean", *[f"p{percentile:g}" for percentile in PERCENTILES], "min", "max")
    members = {"count": count("values")} | {name: number("") for name in names}
    return object_of("null without any value", members)


def _distributions(about: str, names: tuple[str, ...]) -> Schema:
    return object_of(about, dict.fromkeys(names, _DISTRIBUTION))
