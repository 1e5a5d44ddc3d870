"""The table of a result, and the comparisons below it."""

from xml.etree import ElementTree

import pytest

from benchmarks.chart import draw
from benchmarks.report import Column, Ratio, Result, Row

ROWS: list[Row] = [
    {"server": "streamserver", "loop": "asyncio", "rate": 3000.0, "to_peer": 3.0},
    {"server": "a peer & more", "loop": "asyncio", "rate": 1000.0, "to_peer": 1.0},
    {"server": "floor", "loop": "asyncio", "rate": None, "to_peer": None},
]
COLUMNS = (Column("server", "server"), Column("loop", "loop"), Column("rate", "chunks/s"))


def result(*more: Column) -> Result:
    return Result("chunks/asyncio", "One stream", (*COLUMNS, *more), ROWS, {"x": "not installed"})


@pytest.mark.parametrize(
    ("target", "more", "judged"),
    [
        (None, True, "no target"),
        (2.0, True, "target at least 2, met"),
        (4.0, True, "target at least 4, missed"),
        (2.0, False, "target at most 2, missed"),
        (1 / 3, False, "target at most 0.333, missed"),
    ],
)
def test_each_figure_of_ours_has_its_comparison_and_target(
    target: float | None, more: bool, judged: str
) -> None:
    ratio = Ratio("to_peer", "x peer", 2, of="rate", to="a peer", target=target, more=more)
    lines = result(ratio).table().splitlines()
    assert [*result(ratio).comparisons()] == [
        f"streamserver: chunks/s 3,000, 3.00 times that of a peer; {judged}"
    ]
    assert lines[-3:] == ["", *result(ratio).comparisons(), "x: not installed"]
    assert lines[4].split() == ["streamserver", "asyncio", "3,000", "3.00"]
    assert lines[6].split() == ["floor", "asyncio", "-", "-"]


def test_where_others_are_compared_to_ours_theirs_are_listed() -> None:
    ratio = Ratio("to_peer", "x ours", 2, of="rate", to="streamserver")
    assert [*result(ratio).comparisons()] == [
        "a peer & more: chunks/s 1,000, 1.00 times that of streamserver; no target"
    ]


def test_a_table_without_a_ratio_states_that_too() -> None:
    assert [*result().comparisons()] == ["compared to nothing, no target"]


def test_the_chart_is_xml_with_a_bar_for_each_figure() -> None:
    drawing = ElementTree.fromstring(draw([result()]))
    texts = ["".join(element.itertext()) for element in drawing.iter() if "text" in element.tag]
    assert "Chunks per second (more is better), asyncio" in texts
    assert texts[1:] == ["streamserver", "3,000", "a peer & more", "1,000"]
    bars = [element for element in drawing.iter() if element.tag.endswith("rect")]
    widths = [float(element.attrib["width"]) for element in bars[1:]]
    assert widths[0] == pytest.approx(3 * widths[1], rel=0.01)
