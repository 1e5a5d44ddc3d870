"""The page with content in every panel: its layout on a phone, a tablet and a desktop, the sizes of
its controls, and its colours.

These tests are in one file because pytest-xdist gives a file to one process, and to fill the page
takes seconds.
"""

import pytest

from support.axe import check_axe
from support.browsing import Browsing

WIDTHS = (360, 768, 1280)
BUTTON_ROWS = {360: 2, 768: 1, 1280: 1}
"""Rows of the three buttons of the notifications; the buttons of any other form are one row."""


@pytest.fixture(params=WIDTHS)
def width(request: pytest.FixtureRequest, filled: Browsing) -> int:
    """The width of the window, in pixels."""
    chosen: int = request.param
    filled.page.set_viewport_size({"width": chosen, "height": 900})
    return chosen


@pytest.mark.usefixtures("width")
def test_continuation_lines_are_indented_further(filled: Browsing) -> None:
    lines = filled.page.evaluate("""() => {
      const lefts = (line) => {
        const range = document.createRange();
        const walker = document.createTreeWalker(line, NodeFilter.SHOW_TEXT);
        const rows = new Map();
        for (let node; (node = walker.nextNode());) {
          for (const { index } of node.data.matchAll(/\\S/g)) {
            range.setStart(node, index);
            range.setEnd(node, index + 1);
            const { left, bottom } = range.getBoundingClientRect();
            const row = Math.round(bottom / 8);
            rows.set(row, Math.min(left, rows.get(row) ?? Infinity));
          }
        }
        return [...rows.values()];
      };
      return [...document.querySelectorAll(".behind .line")]
        .map((line) => [line.textContent, lefts(line)])
        .filter(([_, rows]) => rows.length > 1);
    }""")
    assert len(lines) > 5
    assert [text for text, (first, *rest) in lines if min(rest) < first + 8] == []


@pytest.mark.usefixtures("width")
def test_identifiers_are_not_split(filled: Browsing) -> None:
    """Neither are options of commands, nor names of fields."""
    split = filled.page.evaluate("""() => {
      const places = ".behind code, .where, .idea p code, .raw .head, .raw .request";
      const split = [];
      for (const place of document.querySelectorAll(places)) {
        const walker = document.createTreeWalker(place, NodeFilter.SHOW_TEXT);
        for (let node; (node = walker.nextNode());) {
          for (const { 0: word, index } of node.data.matchAll(/-*\\w+(-\\w+)*/g)) {
            const range = document.createRange();
            range.setStart(node, index);
            range.setEnd(node, index + word.length);
            const rows = new Set([...range.getClientRects()].map(({ top }) => Math.round(top)));
            if (rows.size > 1) split.push(word);
          }
        }
      }
      return split;
    }""")
    assert split == []


def test_nothing_is_wider_than_its_place(filled: Browsing) -> None:
    """No part of the page, and no code, has to be scrolled sideways."""
    for width in (320, *WIDTHS):
        filled.page.set_viewport_size({"width": width, "height": 900})
        assert filled.page.evaluate("document.documentElement.scrollWidth") == width
        wide = """boxes => boxes.filter((box) => box.scrollWidth > box.clientWidth)
          .map((box) => box.textContent)"""
        assert filled.page.locator(".behind pre, .raw, .scroll").evaluate_all(wide) == []


def test_buttons_stand_side_by_side(filled: Browsing, width: int) -> None:
    rows = filled.page.locator("form").evaluate_all("""forms => forms.map((form) => {
      const tops = [...form.querySelectorAll("button")].map((b) => b.getBoundingClientRect().top);
      return [form.hasAttribute("data-publish"), new Set(tops).size];
    })""")
    assert len(rows) == 13
    assert [count for is_publishing, count in rows if not is_publishing] == [1] * 12
    assert [count for is_publishing, count in rows if is_publishing] == [BUTTON_ROWS[width]]


@pytest.mark.usefixtures("width")
@pytest.mark.parametrize(
    ("panel", "labels"),
    [
        ("notifications", ["Head", "First event", "Events"]),
        ("typing", ["Head", "First byte", "Chunks"]),
    ],
)
def test_tracks_of_the_timeline_are_labelled(
    filled: Browsing, panel: str, labels: list[str]
) -> None:
    found = filled.panel(panel).find(".tracks span").all()
    assert [label.text_content() for label in found] == labels
    for label, track in zip(found, ("wait", "head", "body"), strict=True):
        text, bar = label.bounding_box(), filled.panel(panel).find(f"rect.{track}").bounding_box()
        assert text["x"] + text["width"] < bar["x"]
        assert abs(text["y"] + text["height"] / 2 - bar["y"] - bar["height"] / 2) < 4


@pytest.mark.usefixtures("width")
def test_a_chunk_is_one_row(filled: Browsing) -> None:
    heights = filled.page.locator(".arrivals li").evaluate_all(
        "rows => [...new Set(rows.map((row) => Math.round(row.getBoundingClientRect().height)))]"
    )
    assert len(heights) == 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(filled: Browsing, scheme: str) -> None:
    check_axe(filled.page, scheme, least=31)


def test_what_a_finger_has_to_hit_is_large_enough(filled: Browsing) -> None:
    """24 by 24 pixels at least (WCAG 2.2, 2.5.8)."""
    filled.page.set_viewport_size({"width": 360, "height": 800})
    small = filled.page.evaluate(
        """() => [...document.querySelectorAll("main button, main input, main select, summary")]
          .filter((control) => control.checkVisibility())
          .map((control) => [control.textContent, control.getBoundingClientRect()])
          .filter(([_, box]) => Math.min(box.width, box.height) < 24)"""
    )
    assert small == []


def test_progress_bars_are_visible_with_forced_colours(filled: Browsing) -> None:
    filled.page.emulate_media(forced_colors="active")
    style = "bars => new Set(bars.map((bar) => getComputedStyle(bar).appearance))"
    appearances = filled.page.locator("progress").evaluate_all(f"bars => [...({style})(bars)]")
    filled.page.emulate_media(forced_colors="none")
    assert appearances == ["auto"]
