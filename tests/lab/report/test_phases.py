"""The phases of an exchange fill its time, and their means that of all."""

import pytest

from streamserver.lab.client.record import Record
from streamserver.lab.report.phases import TimeSpent, phases

ANSWER = Record(
    planned=10, began=11, dialed=11, connected=13, secured=16, sent=17, head=27, first_byte=30,
    first_event=30, first_reasoning=35, first_token=50, last_byte=80, ended=81, end="complete",
)  # fmt: skip


@pytest.mark.parametrize(
    ("record", "durations"),
    [
        (
            ANSWER,
            {
                "waited to begin": 1, "connect": 2, "TLS": 3, "send": 1, "head": 10,
                "first byte": 3, "first reasoning": 5, "first token": 15, "rest": 30,
            },
        ),
        (
            Record(10, 10, sent=12, head=20, first_byte=20, last_byte=50),
            {"send": 2, "head": 8, "rest": 30},
        ),
        (
            Record(10, 10, sent=12, head=20, first_tool_call=33, ended=40),
            {"send": 2, "head": 8, "first token": 13, "rest": 7},
        ),
        (Record(10, 10, ended=60), {"rest": 50}),
        (Record(10), {}),
    ],
)  # fmt: skip
def test_phases_follow_each_other(record: Record, durations: dict[str, int]) -> None:
    found = [*phases(record)]
    assert {one.name: one.end - one.begin for one in found} == durations
    assert [one.begin for one in found[1:]] == [one.end for one in found[:-1]]
    assert not found or found[0].begin == record.planned


def test_means_are_of_all_exchanges_of_all_processes() -> None:
    spent, other = TimeSpent(), TimeSpent()
    spent.add(ANSWER)
    other.add(Record(10, 10, sent=12, head=20, last_byte=20))
    spent.merge(other)
    assert spent.exchanges == 2
    assert spent.means["head"] == 9
    assert spent.means["TLS"] == 1.5
    assert sum(spent.means.values()) == (70 + 10) / 2
