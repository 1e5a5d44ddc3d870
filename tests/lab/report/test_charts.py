"""The marks of an axis fit the values, and the width."""

import pytest

from streamserver.lab.report.charts import NARROW, WIDTH, across, log_across


@pytest.mark.parametrize(
    ("low", "high", "texts"),
    [
        (0.1, 100, ["100 µs", "1 ms", "10 ms", "100 ms"]),
        (1, 11, ["1 ms", "2 ms", "5 ms", "10 ms"]),
        (10, 10.5, ["10 ms", "10.1 ms", "10.2 ms", "10.3 ms", "10.4 ms", "10.5 ms"]),
        (33, 36, ["33 ms", "33.5 ms", "34 ms", "34.5 ms", "35 ms", "35.5 ms", "36 ms"]),
        (1500, 2500, ["1.6 s", "1.8 s", "2 s", "2.2 s", "2.4 s"]),
    ],
)
def test_a_narrow_axis_has_marks_too(low: float, high: float, texts: list[str]) -> None:
    axis = log_across(low, high)
    assert [text for _, text in axis.marks] == texts


def test_marks_of_a_narrow_chart_do_not_overlap() -> None:
    wide, narrow = [[text for _, text in across(0, 86_400, width=w).marks] for w in (WIDTH, NARROW)]
    assert wide == ["0", "20000", "40000", "60000", "80000"]
    assert narrow == wide
    marks = [(n, "a long mark") for n in range(6)]
    assert len(across(0, 5, marks, WIDTH).marks) == 6
    assert [value for value, _ in across(0, 5, marks, NARROW).marks] == [0, 2, 4]
