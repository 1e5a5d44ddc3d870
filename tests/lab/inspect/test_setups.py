"""Inspections of real set-ups: each fault is named, and nothing that is healthy is blamed."""

import asyncio

import pytest

from streamserver.lab.inspect.inspection import Inspection
from support.setups.cases import FAULTY, HEALTHY, Case, wrong
from support.setups.inspecting import inspect_all
from support.setups.start import setups


def name(case: Case) -> str:
    return case.name


@pytest.fixture(scope="module")
def inspections(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Inspection]:
    """All set-ups, inspected once."""
    with setups(tmp_path_factory.mktemp("setups")) as urls:
        return asyncio.run(inspect_all((*HEALTHY, *FAULTY), urls))


@pytest.mark.parametrize("case", HEALTHY, ids=name)
def test_a_healthy_set_up_is_not_blamed(inspections: dict[str, Inspection], case: Case) -> None:
    inspection = inspections[case.name]
    assert case.false(inspection) == {}
    assert inspection.status == 0


@pytest.mark.parametrize("case", FAULTY, ids=name)
def test_a_fault_is_named(inspections: dict[str, Inspection], case: Case) -> None:
    inspection = inspections[case.name]
    assert case.missed(inspection) == [], wrong(inspection)
    assert case.false(inspection) == {}
    assert all(one.remedies for one in inspection.verdicts if one.status == "wrong")
    assert inspection.status == bool(wrong(inspection))
