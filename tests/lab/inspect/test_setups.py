"""Inspections of real set-ups: each fault is named, and nothing that is healthy is blamed."""

import asyncio
from collections.abc import Sequence

import pytest

from streamserver.lab.inspect.inspection import Inspection
from support.setups.cases import FAULTY, HEALTHY, Case, wrong
from support.setups.inspecting import inspect_all
from support.setups.start import setups

ATTEMPTS = 5


def name(case: Case) -> str:
    return case.name


@pytest.fixture(scope="module")
def inspections(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Inspection]]:
    """The inspections of all set-ups. A machine that is too busy hides a fault, as the verdict then
    says: those are inspected again."""
    found: dict[str, list[Inspection]] = {case.name: [] for case in (*HEALTHY, *FAULTY)}
    cases: Sequence[Case] = (*HEALTHY, *FAULTY)
    for _ in range(ATTEMPTS):
        with setups(tmp_path_factory.mktemp("setups")) as urls:
            inspected = asyncio.run(inspect_all(cases, urls))
        for name, inspection in inspected.items():
            found[name].append(inspection)
        cases = [case for case in cases if case.missed(found[case.name][-1])]
        if not cases:
            break
    return found


@pytest.mark.parametrize("case", HEALTHY, ids=name)
def test_a_healthy_set_up_is_not_blamed(
    inspections: dict[str, list[Inspection]], case: Case
) -> None:
    [inspection] = inspections[case.name]
    assert case.false(inspection) == {}
    assert inspection.status == 0


@pytest.mark.parametrize("case", FAULTY, ids=name)
def test_a_fault_is_named(inspections: dict[str, list[Inspection]], case: Case) -> None:
    assert not any(map(case.false, inspections[case.name]))
    inspection = inspections[case.name][-1]
    assert case.missed(inspection) == [], wrong(inspection)
    assert all(one.remedies for one in inspection.verdicts if one.status == "wrong")
    assert inspection.status == bool(wrong(inspection))
