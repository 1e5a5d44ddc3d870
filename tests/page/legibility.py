"""Whether the charts of a report can be read in a browser."""

from typing import Any

SMALLEST = 11
"""Pixels of the text of a chart."""


def texts_of_charts(page: Any) -> list[tuple[float, float, float]]:
    """The size of each visible text in pixels, and its left and right end."""
    found: list[tuple[float, float, float]] = page.evaluate("""() =>
      [...document.querySelectorAll("figure text")]
      .filter((text) => text.checkVisibility())
      .map((text) => {
        const drawing = text.ownerSVGElement;
        const scale = drawing.getBoundingClientRect().width / drawing.viewBox.baseVal.width;
        const { left, right } = text.getBoundingClientRect();
        return [parseFloat(getComputedStyle(text).fontSize) * scale, left, right];
      })""")
    return found


def check_texts_of_charts(page: Any, width: int, least: int) -> None:
    """Assert that more than so many texts are shown, large enough and within the page."""
    found = texts_of_charts(page)
    assert len(found) > least
    # The narrowest of phones have the same charts, a little smaller.
    assert min(size for size, _, _ in found) >= (SMALLEST if width >= 360 else 9.5)
    assert min(left for _, left, _ in found) >= 0
    assert max(right for _, _, right in found) <= width


def overlapping_marks(page: Any) -> list[list[str]]:
    """The marks of axes that overlap, with the name of their chart."""
    found: list[list[str]] = page.evaluate("""() =>
      [...document.querySelectorAll("figure svg[role]")]
      .filter((drawing) => drawing.checkVisibility())
      .flatMap((drawing) => {
        const boxes = [...drawing.querySelectorAll("line.grid + text")]
          .map((text) => [text.textContent, text.getBoundingClientRect()]);
        return boxes.flatMap(([text, one], n) => boxes.slice(n + 1)
          .filter(([, two]) => one.left < two.right && two.left < one.right
            && one.top + 2 < two.bottom && two.top + 2 < one.bottom)
          .map(([other]) => [drawing.getAttribute("aria-label"), text, other]));
      })""")
    return found
