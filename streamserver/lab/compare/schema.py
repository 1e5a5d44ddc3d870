"""The JSON Schema (draft 2020-12) of a comparison."""

from streamserver.lab.compare.forms import VERSION
from streamserver.lab.report.schema import ends, objective, run, server
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


def json_schema() -> Schema:
    """The schema of ``to_json``."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Report of streamserver bench --compare",
        **object_of(
            "Durations are in milliseconds. The first side is named direct.",
            {
                "version": {"const": VERSION, "description": "of this form"},
                "run": nullable(run()),
                "rounds": count("in each, every URL received one request"),
                "level": number("confidence level of the intervals"),
                "valid": boolean("whether the measurement is valid"),
                "not_valid": list_of("why it is not valid", string("a reason")),
                "sides": map_of("each URL by its name", _side()),
                "added": map_of("what each URL but the first adds, by its name", _hop()),
                "objectives": list_of(
                    "objectives of --slo, of what each URL adds",
                    objective(side=string("name of the URL")),
                ),
            },
        ),
    }


def _side() -> Schema:
    request = string("its method and URL, without secrets")
    return object_of("how its exchanges ended", {"request": request, **server(), **ends()})


def _hop() -> Schema:
    added = object_of(
        "its value minus that of the first URL, within each round",
        {
            "median": number("of all complete pairs"),
            "low": number("begin of the median's confidence interval"),
            "high": number("end of it"),
            "significant": boolean("whether the interval excludes 0"),
        },
    )
    return object_of(
        "",
        {
            "pairs": count("exchanges with both URLs"),
            "complete": count("pairs that ended well on both sides"),
            "same_bodies": count("complete pairs that received the same bytes"),
            "added": map_of("milestones and figures that both have; each event", added),
            "verdicts": list_of("findings about the hop", string("a finding")),
        },
    )
