"""The forms of a sweep for programs: JSON, and a line of CSV per level (RFC 4180).

Both are described by tables, from which ``bench --schema`` prints their documentation. Members and
columns may be added without a new version.
"""

import csv
from collections.abc import Callable
from operator import methodcaller
from typing import Any, NamedTuple, TextIO

from streamserver.lab.report import schema_types as of
from streamserver.lab.report.report import About
from streamserver.lab.report.schema import run
from streamserver.lab.report.schema_types import Schema
from streamserver.lab.sweep.level import LATENCIES, Level
from streamserver.lab.sweep.sweep import Sweep
from streamserver.wire.printable import printable

VERSION = 1
"""The version of both forms. It is raised when a member changes its meaning or is removed."""
FIGURES = (*LATENCIES, "tpot", "itl", "gap", "e2e")
PERCENTILES = (50, 90, 99)


class Value(NamedTuple):
    """A value of a level: its name in both forms, its meaning, and the value."""

    name: str
    meaning: str
    type: str
    """The type in JSON Schema; null is allowed too."""
    of: Callable[[Level], Any]


VALUES = (
    Value("kind", "rate or concurrency", "string", lambda one: one.kind),
    Value("load", "exchanges due per second, or concurrent", "number", lambda one: one.load),
    Value("purpose", "rising, narrowing or confirming", "string", lambda one: one.trial.purpose),
    Value("settle_s", "seconds before, not measured", "number", lambda one: one.timing.settle),
    Value("duration_s", "seconds that are measured", "number", lambda one: one.timing.duration),
    Value(
        "achieved_per_s",
        "complete exchanges per second, ended in these seconds",
        "number",
        lambda one: one.achieved,
    ),
    Value(
        "goodput_per_s",
        "those that kept all limits of --goodput",
        "number",
        lambda one: one.goodput,
    ),
    Value("open_mean", "mean number of open exchanges", "number", lambda one: one.open),
    Value(
        "growth",
        "share of the arrivals by which the open exchanges grew; 0 for what may be chance",
        "number",
        lambda one: one.growth,
    ),
    Value(
        "output_tokens_per_s",
        "of all exchanges: mean of an answer by achieved_per_s",
        "number",
        lambda one: one.tokens_per_second,
    ),
    Value("exchanges", "exchanges that began", "integer", lambda one: one.summary.ends.total()),
    Value("errors", "share that did not end well", "number", lambda one: one.summary.errors),
    Value("unsent", "exchanges beyond --max-open", "integer", lambda one: one.summary.unsent),
    *[
        Value(
            f"{name}_p{percentile}_ms",
            f"percentile {percentile} of {name}",
            "number",
            methodcaller("ms", name, percentile),
        )
        for name in FIGURES
        for percentile in PERCENTILES
    ],
    Value("met", "whether the objectives are met", "boolean", lambda one: one.limit is None),
    Value(
        "limit",
        "client, target or service: why not",
        "string",
        lambda one: one.limit and one.limit.party,
    ),
    Value(
        "evidence",
        "the figure that shows it",
        "string",
        lambda one: one.limit and printable(one.limit.evidence),
    ),
)
COLUMNS = ("version", *[value.name for value in VALUES])


def values(level: Level) -> dict[str, Any]:
    """All values of a level by name; numbers have six decimals."""
    found = {value.name: value.of(level) for value in VALUES}
    return {
        name: round(value, 6) if isinstance(value, float) else value
        for name, value in found.items()
    }


def write_csv(sweep: Sweep, file: TextIO) -> None:
    """Write a line per level, in the order in which they were measured; null is empty."""
    writer = csv.DictWriter(file, COLUMNS)
    writer.writeheader()
    for level in sweep.levels:
        writer.writerow({"version": VERSION, **values(level)})


def to_json(sweep: Sweep, about: About | None = None) -> dict[str, Any]:
    """The sweep for programs; durations are in milliseconds, shares from 0 to 1."""
    missed, limit = sweep.missed, sweep.limit
    return {
        "version": VERSION,
        "run": about.to_json() if about else None,
        "sweep": {
            "kind": sweep.kind,
            "from": sweep.scale.low,
            "to": sweep.scale.high,
            "precision": sweep.scale.precision,
        },
        "objectives": [one.text for one in sweep.objectives],
        "valid": not sweep.not_valid,
        "not_valid": sweep.not_valid,
        "highest": sweep.best and values(sweep.best),
        "limit": missed and limit and values(missed),
        "levels": [values(level) for level in sweep.levels],
    }


def columns() -> str:
    """The columns of CSV with their meanings, a line each."""
    width = max(map(len, COLUMNS)) + 2
    rows = [("version", f"of these columns: {VERSION}"), *[one[:2] for one in VALUES]]
    return "".join([f"{name:<{width}}{meaning}\n" for name, meaning in rows])


def json_schema() -> Schema:
    """The schema of ``to_json``."""
    values = {
        one.name: of.nullable({"type": one.type, "description": one.meaning}) for one in VALUES
    }
    level = {"$ref": "#/$defs/level"}
    no_level = [level, {"type": "null"}]
    search = {
        "kind": of.string("rate or concurrency"),
        "from": of.number("the lowest load"),
        "to": of.number("the highest load"),
        "precision": of.number("the share by which the lowest missed load may exceed the result"),
    }
    return of.document(
        "Sweep of streamserver bench",
        "Durations are in milliseconds, shares from 0 to 1.",
        {
            "version": {"const": VERSION, "description": "of this form"},
            "run": of.nullable(run()),
            "sweep": of.object("the search", search),
            "objectives": of.list("those that each level must meet", of.string("as given")),
            "valid": of.boolean("whether there is a valid result"),
            "not_valid": of.list("why there is none", of.string("a reason")),
            "highest": {"anyOf": no_level, "description": "the highest level that was met"},
            "limit": {"anyOf": no_level, "description": "the lowest level that counts as missed"},
            "levels": of.list("the levels in the order of their measurement", level),
        },
        level=of.object("a load, as it was measured", values),
    )
