"""The page of a sweep: its verdict and its chart."""

import re
from typing import Any

import pytest

from streamserver.lab.report.charts import NARROW
from streamserver.lab.sweep.chart import latency_chart
from streamserver.lab.sweep.page import page
from support.queueing import swept


async def test_the_page_shows_the_knee_and_the_limit() -> None:
    found = await swept()
    shown = page(found, "GET http://h/<b>?x=\x1b")
    assert "Up to 9.512/s, the objectives are met" in shown
    assert "at 11.31/s, the service: first_byte_p99=300ms: missed, 1505.755ms" in shown
    assert shown.count(">knee: 9.512/s</text>") == 2  # the chart is there in two widths
    assert "<b>?" not in shown
    assert "\x1b" not in shown
    assert "<script" not in shown
    assert len(re.findall(r"<tr>", shown)) == 1 + len(found.levels)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"slots": 1, "slo": "last_byte_p99=1ms"}, "Not even 1/s meets the objectives"),
        ({"end": 1}, "The result is not valid"),
        ({"end": 3}, "The result is not valid"),
        ({"high": 5}, "none up to 5/s, the end of --sweep"),
    ],
)
async def test_a_sweep_without_a_knee(options: dict[str, Any], words: str) -> None:
    assert words in page(await swept(**options), "GET http://h/")


async def test_the_chart_connects_the_levels_in_the_order_of_their_loads() -> None:
    found = await swept()
    drawn = latency_chart(found, NARROW)
    median, rare = re.findall(r'<polyline class="curve c[01]" points="([^"]*)"', drawn)[::-1]
    across = [float(point.split(",")[0]) for point in median.split()]
    assert across == sorted(across)
    assert len(across) == len({level.load for level in found.levels})
    assert max(across) < NARROW
    # The knee is where the curve of the highest level that was met is.
    [knee] = re.findall(r'class="curve knee" points="([\d.]+),', drawn)
    assert float(knee) in across
    assert rare.split()[0].startswith(median.split()[0].partition(",")[0])
    missed = [
        level for level in found.levels if level.limit and level.trial.purpose != "confirming"
    ]
    assert drawn.count('class="cross failed"') == 2 * len(missed)
    assert ">objective 300 ms</text>" in drawn


async def test_a_sweep_without_levels_has_no_chart() -> None:
    assert latency_chart(await swept(end=1)) == ""
