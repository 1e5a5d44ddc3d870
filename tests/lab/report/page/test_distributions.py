"""The bars of a distribution fit the values."""

from streamserver.lab.report.histograms import MIN_BINS, MS, distribution, new_histogram, record
from streamserver.lab.report.page.distributions import bars, percentiles


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


def test_events_of_one_read_have_curves_too() -> None:
    histogram = new_histogram()
    record(histogram, 0, 5)
    assert percentiles([histogram]).count("<polyline") == 1
