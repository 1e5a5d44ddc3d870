"""The page of `bench --compare` in a browser: legible on a phone, on a desktop and on paper."""

from collections.abc import Iterator
from random import Random
from typing import Any

import pytest

from page.legibility import check_texts_of_charts, overlapping_marks
from streamserver.lab.client.record import Record
from streamserver.lab.compare.page import page
from support.axe import check_axe
from support.browsing import Browsing, profile, visiting
from support.comparing import MS, compared, exchange, report_of

NAMES = ("gateway.example.org:8443", "127.0.0.1:8001 (3)", "long" * 20)


def rounds() -> Iterator[tuple[Record, ...]]:
    """A model's answers through three hops, of which the last fails sometimes."""
    chance = Random(1)
    for n in range(40):
        answers = [exchange(1, 40 + chance.gauss(2 * hop, 3)) for hop in range(4)]
        for one in answers:
            one.output_tokens, one.tokens_from, one.first_token = 3, "usage", one.first_event
            one.last_token = one.last_byte
        if n % 8 == 0:
            answers[3] = Record(MS, end="refused", head=MS, status=503, detail="busy " * 40)
        yield tuple(answers)


@pytest.fixture(scope="module")
def visit(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browsing]:
    path = tmp_path_factory.mktemp("comparison") / "report.html"
    report = report_of(compared(*rounds(), names=NAMES), "ttft_p50=1ms,errors=10%")
    path.write_text(page(report), "utf-8")
    with profile(browser) as context, visiting(context, f"file://{path}") as browsing:
        yield browsing


@pytest.mark.parametrize("width", [320, 360, 660, 1280])
def test_the_page_fits_the_screen_and_its_chart_is_legible(visit: Browsing, width: int) -> None:
    visit.page.set_viewport_size({"width": width, "height": 740})
    assert visit.page.evaluate("document.documentElement.scrollWidth") == width
    check_texts_of_charts(visit.page, width, least=12)
    assert overlapping_marks(visit.page) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(visit: Browsing, scheme: str) -> None:
    check_axe(visit.page, scheme, least=15)


def test_the_page_prints_on_a4(visit: Browsing) -> None:
    visit.page.set_viewport_size({"width": 688, "height": 1000})  # A4 without its margins
    visit.page.emulate_media(media="print", color_scheme="dark")
    style = "getComputedStyle(document.body)"
    assert visit.page.evaluate(f"{style}.backgroundColor") == "rgb(255, 255, 255)"
    assert visit.page.evaluate("document.documentElement.scrollWidth") == 688
    [height] = visit.page.locator("figure").evaluate_all("all => all.map(one => one.offsetHeight)")
    assert height < 900
    visit.page.emulate_media(media="screen", color_scheme="light")
