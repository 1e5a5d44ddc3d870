"""The documented forms of a report for programs: the JSON Schema of ``--json`` (draft 2020-12), and
the columns of ``--csv``.

Members and columns may be added without a new version, so readers ignore those they do not know.
"""

from typing import Any

from streamserver.lab.report.csv_lines import COLUMNS
from streamserver.lab.report.report import PERCENTILES, VERSION
from streamserver.lab.report.summary import FIGURES, MILESTONES

Schema = dict[str, Any]
_DISTRIBUTION = {"$ref": "#/$defs/distribution"}


def columns() -> str:
    """The columns of CSV with their meanings, a line each."""
    width = max([len(column.name) for column in COLUMNS]) + 2
    return "".join([f"{column.name:<{width}}{column.meaning}\n" for column in COLUMNS])


def json_schema() -> Schema:
    """The schema of ``Report.to_json``."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Report of streamserver bench",
        **_object(
            "Durations are in milliseconds, shares from 0 to 1, rates per second.",
            {
                "version": {"const": VERSION, "description": "of this form"},
                "title": _string("the measured request, without secrets"),
                "run": _nullable(_run()),
                "seconds": _number("from the first planned beginning to the last end"),
                "valid": _boolean("whether the measurement is valid"),
                "not_valid": _list("why it is not valid", _string("a reason")),
                "server": _server(),
                "exchanges": _exchanges(),
                "reads": _count("reads from the socket"),
                "chunks": _count("chunks of the chunked coding"),
                "events": _count("events, or lines of JSON"),
                "bytes": _count("bytes of bodies, without framing"),
                "milestones": _distributions("durations from the planned beginning", MILESTONES),
                "figures": _distributions("figures by their usual names", FIGURES),
                "tokens": _tokens(),
                "throughput": _throughput(),
                "goodput": _nullable(_goodput()),
                "client": _client(),
                "target": _target(),
                "verdicts": _list("findings", _verdict()),
                "objectives": _list("objectives of --slo", _objective()),
            },
        ),
        "$defs": {"distribution": _nullable(_distribution())},
    }


def _run() -> Schema:
    return _object(
        "when and how the report was made; null for one made in a program",
        {
            "date": _string("beginning of the run, as in RFC 3339"),
            "ended": _nullable(_string("its end")),
            "version": _string("of this program and of Python"),
            "machine": _string("operating system and number of cores"),
            "command": _string("the command line, without secrets"),
            "asked": _map("the request and the load, in words", _string("in words")),
            "options": _map("the options that were given", _string("the value")),
        },
    )


def _server() -> Schema:
    return _object(
        "the server that answered",
        {
            "address": _string("its first address, with the port; empty if unknown"),
            "software": _list("the first different fields Server", _string("a field")),
        },
    )


def _exchanges() -> Schema:
    return _object(
        "how exchanges ended",
        {
            "ended": _map("number by end; complete is a success", _count("exchanges")),
            "statuses": _map("number by status; 0 without a response", _count("exchanges")),
            "answers": _map("first line of one body by status", _string("a line")),
            "reasons": _map("number by reason, of the first different ones", _count("exchanges")),
            "errors": _nullable(_number("share that did not end well, without stopped ones")),
            "unsent": _count("planned exchanges that could not begin"),
            "retried": _count("sent again, since a kept connection had been closed"),
            "warm_up": _count("exchanges of the warm-up, which count nowhere else"),
        },
    )


def _tokens() -> Schema:
    return _object(
        "tokens of models' answers that were served",
        {
            "input": _count("as reported by the service"),
            "cached": _count("input tokens read from its cache"),
            "output": _count("reasoning included"),
            "reasoning": _count("output tokens that were reasoning"),
            "answers_by_usage": _count("answers whose output tokens the service reported"),
            "answers_by_events": _count("answers whose output tokens are their token events"),
        },
    )


def _throughput() -> Schema:
    return _object(
        "rates of the whole run",
        {
            "requests_per_second": _number("complete exchanges / seconds"),
            "output_tokens_per_second": _number("output tokens / seconds"),
            "output_tokens_per_second_of_a_request": {
                **_DISTRIBUTION,
                "description": "output tokens / E2E latency of each; no duration, a rate",
            },
        },
    )


def _goodput() -> Schema:
    return _object(
        "exchanges that kept every limit of --goodput; null without limits",
        {
            "limits": _list("the limits", _string("as in ttft=500ms")),
            "good": _count("complete exchanges that kept all"),
            "share": _nullable(_number("of those that the client did not stop")),
            "requests_per_second": _number("good / seconds"),
        },
    )


def _client() -> Schema:
    return _object(
        "the client itself",
        {
            "resolving": _number("the name resolution before the run"),
            "start_late": _DISTRIBUTION | {"description": "how late exchanges began"},
            "loop_lag": _DISTRIBUTION | {"description": "how late its event loop ran timers"},
        },
    )


def _target() -> Schema:
    return _object(
        "from the stamps of this program's own target",
        {
            "late": _DISTRIBUTION | {"description": "from due to sent, of each event"},
            "delay": _DISTRIBUTION | {"description": "from sent to arrived, of each event"},
        },
    )


def _verdict() -> Schema:
    return _object("", {"name": _string("the finding"), "evidence": _string("its figures")})


def _objective() -> Schema:
    measured = _nullable(_number("in ns, or a share; null if nothing was measured"))
    return _object(
        "",
        {"objective": _string("as given"), "measured": measured, "met": _boolean("whether met")},
    )


def _distribution() -> Schema:
    names = ("mean", *[f"p{percentile:g}" for percentile in PERCENTILES], "min", "max")
    members = {"count": _count("values")} | {name: _number("") for name in names}
    return _object("null without any value", members)


def _distributions(about: str, names: tuple[str, ...]) -> Schema:
    return _object(about, dict.fromkeys(names, _DISTRIBUTION))


def _object(about: str, members: dict[str, Schema]) -> Schema:
    return _described("object", about) | {"properties": members, "required": [*members]}


def _map(about: str, values: Schema) -> Schema:
    return _described("object", about) | {"additionalProperties": values}


def _list(about: str, items: Schema) -> Schema:
    return _described("array", about) | {"items": items}


def _count(about: str) -> Schema:
    return _described("integer", about) | {"minimum": 0}


def _number(about: str) -> Schema:
    return _described("number", about)


def _string(about: str) -> Schema:
    return _described("string", about)


def _boolean(about: str) -> Schema:
    return _described("boolean", about)


def _described(kind: str, about: str) -> Schema:
    return {"type": kind} | ({"description": about} if about else {})


def _nullable(schema: Schema) -> Schema:
    return schema | {"type": [schema["type"], "null"]}
