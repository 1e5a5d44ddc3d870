"""The JSON Schema (draft 2020-12) of a comparison."""

from streamserver.lab.compare.forms import VERSION
from streamserver.lab.report import schema_types as of
from streamserver.lab.report.schema import ends, objective, run, server
from streamserver.lab.report.schema_types import Schema


def json_schema() -> Schema:
    """The schema of ``to_json``."""
    return of.document(
        "Report of streamserver bench --compare",
        "Durations are in milliseconds. The first side is named direct.",
        {
            "version": {"const": VERSION, "description": "of this form"},
            "run": of.nullable(run()),
            "rounds": of.count("in each, every URL received one request"),
            "level": of.number("confidence level of the intervals"),
            "valid": of.boolean("whether the measurement is valid"),
            "not_valid": of.list("why it is not valid", of.string("a reason")),
            "sides": of.map("each URL by its name", _side()),
            "added": of.map("what each URL but the first adds, by its name", _hop()),
            "objectives": of.list(
                "objectives of --slo, of what each URL adds",
                objective(side=of.string("name of the URL")),
            ),
        },
    )


def _side() -> Schema:
    request = of.string("its method and URL, without secrets")
    return of.object("how its exchanges ended", {"request": request, **server(), **ends()})


def _hop() -> Schema:
    added = of.object(
        "its value minus that of the first URL, within each round",
        {
            "median": of.number("of all complete pairs"),
            "low": of.number("beginning of the median's confidence interval"),
            "high": of.number("end of it"),
            "significant": of.boolean("whether the interval excludes 0"),
        },
    )
    return of.object(
        "",
        {
            "pairs": of.count("exchanges with both URLs"),
            "complete": of.count("pairs that ended well on both sides"),
            "same_bodies": of.count("complete pairs that received the same bytes"),
            "added": of.map("milestones and figures that both have; each event", added),
            "verdicts": of.list("findings about the hop", of.string("a finding")),
        },
    )
