"""The documented forms are those that reports have."""

import json
from copy import deepcopy
from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from streamserver.lab.report.csv_lines import COLUMNS, OF_A_COMPARISON
from streamserver.lab.report.report import Report
from streamserver.lab.report.schema import columns, json_schema
from streamserver.lab.report.summary import Summary
from support import peers
from support.reported import ABOUT, ANSWERED, CUT, REFUSED, UNREACHED, WHOLE, report
from support.schemas import strict_validator

REPORTS = {
    "whole": replace(report(WHOLE, CUT, REFUSED, slo="gap_p50=1ms,errors=1%"), about=ABOUT),
    "answers": report(ANSWERED, slo="first_token_p50=1s,gap_p50=1s"),
    "unreached": report(UNREACHED, problems=("a process died",)),
    "empty": report(),
    "without limits": Report("", Summary(), 0.0),
}


@cache
def members_of(name: str) -> dict[str, Any]:
    """A report as programs read it."""
    members: dict[str, Any] = json.loads(json.dumps(REPORTS[name].to_json()))
    return members


@pytest.fixture(scope="module")
def validator() -> Any:
    return strict_validator(json_schema())


@pytest.mark.parametrize("name", REPORTS)
def test_every_member_of_a_report_is_documented(validator: Any, name: str) -> None:
    members = members_of(name)
    assert [error.message for error in validator.iter_errors(members)] == []


def test_the_schema_refuses_what_no_report_has(validator: Any) -> None:
    members = members_of("whole")
    wrong: dict[str, Any] = {"version": 99, "events": -1, "further": 1, "run": {}, "tokens": None}
    for name, value in wrong.items():
        assert not validator.is_valid(members | {name: value}), name
    lacking = deepcopy(members)
    del lacking["milestones"]["gap"]["p99"]
    assert not validator.is_valid(lacking)


def test_readers_accept_members_of_a_later_release() -> None:
    jsonschema = peers.module("jsonschema")
    members = members_of("whole")
    assert jsonschema.Draft202012Validator(json_schema()).is_valid(members | {"further": 1})


def test_every_column_is_documented() -> None:
    lines = columns().splitlines()
    names = [*OF_A_COMPARISON, *[column.name for column in COLUMNS]]
    assert [line.split()[0] for line in lines] == names
    assert max(map(len, lines)) <= 100
