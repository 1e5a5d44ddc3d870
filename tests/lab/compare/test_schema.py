"""The documented form of a comparison is that which comparisons have."""

import json
from typing import Any

import pytest

from streamserver.lab.client.record import Record
from streamserver.lab.compare.forms import to_json
from streamserver.lab.compare.report import ComparisonReport
from streamserver.lab.compare.schema import json_schema
from support.comparing import MS, compared, exchange, report_of
from support.schemas import strict_validator

GONE = Record(planned=MS, end="unconnected", detail="refused")
ROUND = (exchange(1, 5), exchange(1, 6), exchange(1, 8))
SLOW, AT_ONCE = exchange(1, 5, gap=100), exchange(1, 205, gap=0)
REPORTS = {
    "three": report_of(compared(ROUND, (*ROUND[:2], GONE), names=("a", "b")), "head_max=1ms"),
    "not valid": report_of(compared((ROUND[0], GONE)), "ttft_p50=1s,errors=1%"),
    "buffers": report_of(compared(*[(SLOW, AT_ONCE)] * 6)),
    "empty": ComparisonReport(compared()),
}


@pytest.fixture(scope="module")
def validator() -> Any:
    return strict_validator(json_schema())


@pytest.mark.parametrize("name", REPORTS)
def test_every_member_is_documented(validator: Any, name: str) -> None:
    members = json.loads(json.dumps(to_json(REPORTS[name])))
    assert [error.message for error in validator.iter_errors(members)] == []


def test_the_schema_refuses_what_no_comparison_has(validator: Any) -> None:
    members = json.loads(json.dumps(to_json(REPORTS["three"])))
    wrong: dict[str, Any] = {"version": 1, "rounds": -1, "further": 1, "run": {}, "sides": {"a": 1}}
    for name, value in wrong.items():
        assert not validator.is_valid(members | {name: value}), name
    del members["added"]["b"]["added"]["head"]["low"]
    assert not validator.is_valid(members)
