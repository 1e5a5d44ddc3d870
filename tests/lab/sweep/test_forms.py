"""The forms of a sweep for programs, and their documentation."""

import csv
import json
from io import StringIO
from typing import Any

import pytest

from streamserver.lab.report.report import About
from streamserver.lab.sweep.forms import COLUMNS, columns, json_schema, to_json, write_csv
from support.calling import call
from support.queueing import swept
from support.schemas import strict_validator


async def test_every_level_has_a_line_of_csv() -> None:
    found, file = await swept(limits="e2e=1s"), StringIO(newline="")
    write_csv(found, file)
    file.seek(0)
    rows = [*csv.DictReader(file)]
    assert [*rows[0]] == [*COLUMNS]
    assert [float(row["load"]) for row in rows] == [level.load for level in found.levels]
    for row, level in zip(rows, found.levels, strict=True):
        half = level.summary.ends.total() // 2 / level.summary.ends.total()
        assert float(row["achieved_per_s"]) == level.achieved
        assert float(row["goodput_per_s"]) == round(level.achieved * half, 6)
        assert (row["met"] == "True") is (level.limit is None)
        assert (row["limit"], row["ttft_p50_ms"]) == ("service" if level.limit else "", "")


async def test_the_json() -> None:
    found = await swept()
    members = json.loads(json.dumps(to_json(found, About("now", "1", "bench", []))))
    assert members["run"]["command"] == "bench"
    assert found.best is not None
    assert found.missed is not None
    assert members["highest"]["load"] == found.best.load
    assert members["limit"]["load"] == found.missed.load
    assert members["limit"]["limit"] == "service"
    assert [one["load"] for one in members["levels"]] == [one.load for one in found.levels]
    assert members["levels"][-1]["e2e_p50_ms"] >= 1000
    assert members["sweep"] == {"kind": "rate", "from": 1, "to": 100, "precision": 0.2}


@pytest.mark.parametrize("options", [{}, {"end": 1}, {"high": 5}, {"limits": "e2e=1s"}])
async def test_the_json_is_as_the_schema_says(options: dict[str, Any]) -> None:
    found = to_json(await swept(**options))
    validator = strict_validator(json_schema())
    assert [error.message for error in validator.iter_errors(found)] == []
    wrong = {"levels": [{}], "further": 1, "version": 0, "sweep": {}, "run": {}}
    for name, value in wrong.items():
        assert not validator.is_valid(found | {name: value}), name


def test_the_documentation_is_printed() -> None:
    assert json.loads(call("bench", "--schema", "sweep-json").stdout) == json_schema()
    lines = call("bench", "--schema", "sweep-csv").stdout.splitlines()
    assert call("bench", "--schema", "sweep-csv").stdout == columns()
    assert [line.split()[0] for line in lines] == [*COLUMNS]
