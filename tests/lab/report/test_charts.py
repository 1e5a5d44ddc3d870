"""The marks of an axis and the bars of a chart fit the values."""

import pytest

from streamserver.lab.report.charts import bars, log_across
from streamserver.lab.report.histograms import MIN_BINS, MS, distribution, new_histogram, record


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


def test_the_bar_of_one_value_of_many_is_visible() -> None:
    histogram = new_histogram()
    for n in range(100):
        record(histogram, (1000 + n) * MS // 100, 10_000)
    record(histogram, 12 * MS)
    drawn = bars("gap", distribution(histogram).bins).splitlines()
    heights = [
        float(one.partition('height="')[2].partition('"')[0])
        for one in drawn
        if 'class="bar"' in one
    ]
    assert len(heights) > MIN_BINS
    assert 1 < min(heights) < 2
