"""The page of a sweep in a browser: legible on a phone, and without faults that axe finds."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from streamserver.lab.report.report import About
from streamserver.lab.sweep.page import page
from support.axe import check_axe
from support.browsing import Browsing, profile, visiting
from support.queueing import swept

LONG = "http://127.0.0.1:8000/" + "long" * 50


@pytest.fixture(scope="module")
def visit(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browsing]:
    """The page of a sweep with everything that may be long."""
    about = About("2026-11-22T16:51:05Z", "streamserver 1.2.3", f"bench {LONG}", [])
    with ThreadPoolExecutor() as pool:  # the browser's driver has a loop in this thread
        found = pool.submit(asyncio.run, swept(limits="e2e=1s")).result()
    path = tmp_path_factory.mktemp("sweep") / "sweep.html"
    path.write_text(page(found, f"GET {LONG}", about), "utf-8")
    with profile(browser) as context, visiting(context, f"file://{path}") as browsing:
        yield browsing


@pytest.mark.parametrize("width", [360, 1280])
def test_the_page_fits_the_screen(visit: Browsing, width: int) -> None:
    visit.page.set_viewport_size({"width": width, "height": 740})
    assert visit.page.evaluate("document.documentElement.scrollWidth") == width
    texts = visit.page.locator("figure text").filter(visible=True).all()
    boxes = [text.bounding_box() for text in texts]
    assert "knee: 9.512/s" in [text.text_content() for text in texts]
    assert min(box["x"] for box in boxes) >= 0
    assert max(box["x"] + box["width"] for box in boxes) <= width


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(visit: Browsing, scheme: str) -> None:
    check_axe(visit.page, scheme, least=15)
