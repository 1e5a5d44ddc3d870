"""The report of `bench` in a browser: legible on a phone, on a desktop and on paper."""

from collections.abc import Iterator
from random import Random
from typing import Any

import pytest

from page.legibility import check_texts_of_charts, overlapping_marks
from streamserver.lab.client.record import Record
from streamserver.lab.report.page.document import page
from streamserver.lab.report.report import About, Report, Setting
from streamserver.lab.report.slo import judge, parse
from streamserver.lab.report.summary import Summary
from support.axe import check_axe
from support.browsing import Browsing, profile, visiting

MS = 1_000_000
LONG = "http://127.0.0.1:8000/" + "long" * 50
WIDER = "(one) => one.scrollWidth - one.clientWidth"


def answers() -> Iterator[Record]:
    """Answers of a model under a rising load, and failures."""
    chance, due = Random(1), 1000 * MS
    for n in range(300):
        due += 40 * MS - n * MS // 10
        first = due + (200 + n) * MS + chance.randrange(90 * MS)
        last = first + 900 * MS
        yield Record(
            due, due, dialed=due, connected=due + MS, secured=due + 20 * MS, sent=due + 21 * MS,
            head=first - 150 * MS, first_byte=first - 150 * MS, first_event=first - 150 * MS,
            first_reasoning=first - 90 * MS, first_token=first, first_tool_call=last - 30 * MS,
            last_token=last, last_byte=last, ended=last, status=200, end="complete",
            output_tokens=40, tokens_from="usage", server="nginx",
        )  # fmt: skip
        if n % 20 == 0:
            yield Record(due, due, sent=due, head=due + MS, status=503, end="refused",
                         ended=due + MS, detail="busy " * 40, answer="busy" * 50)  # fmt: skip


@pytest.fixture(scope="module")
def visit(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browsing]:
    """A report with all sections, and with everything that may be long."""
    summary = Summary()
    for record in answers():
        summary.add(record)
    objectives = judge(parse("first_token_p99=5ms,errors=10%"), summary)
    command = f"streamserver bench {LONG} --slo first_token_p99=5ms,errors=10%"
    settings = [Setting("header", LONG, False), Setting("seed", "0", True)]
    about = About(
        "2026-11-22T16:51:05Z", "streamserver 1.2.3", command, settings, "Linux x86_64, 2 cores",
        [("request", f"GET {LONG}")], "2026-11-22T16:52:06Z",
    )  # fmt: skip
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(page(Report(f"GET {LONG}", summary, 9.0, objectives, [], about)), "utf-8")
    with profile(browser) as context, visiting(context, f"file://{path}") as browsing:
        yield browsing


@pytest.mark.parametrize(("width", "scrolls"), [(360, True), (1280, False)])
def test_the_report_fits_the_screen_and_its_tables_scroll(
    visit: Browsing, width: int, scrolls: bool
) -> None:
    visit.page.set_viewport_size({"width": width, "height": 740})
    assert visit.page.evaluate("document.documentElement.scrollWidth") == width
    table = visit.page.get_by_role("region", name="All durations")
    assert (table.evaluate(WIDER) > 0) is scrolls
    if scrolls:
        table.focus()
        visit.page.keyboard.press("ArrowRight")
        visit.page.wait_for_function("(one) => one.scrollLeft > 0", arg=table.element_handle())


@pytest.mark.parametrize("width", [320, 360, 540, 656, 660, 1280])
def test_the_text_of_charts_is_legible_and_within_the_page(visit: Browsing, width: int) -> None:
    visit.page.set_viewport_size({"width": width, "height": 740})
    check_texts_of_charts(visit.page, width, least=100)


@pytest.mark.parametrize("width", [360, 1280])
def test_marks_of_an_axis_do_not_overlap(visit: Browsing, width: int) -> None:
    visit.page.set_viewport_size({"width": width, "height": 740})
    assert overlapping_marks(visit.page) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(visit: Browsing, scheme: str) -> None:
    check_axe(visit.page, scheme, least=15)


def test_the_report_prints_on_a4(visit: Browsing) -> None:
    """In dark ink on white also for a dark display, with all options, and no chart is cut."""
    folded, shown = visit.page.get_by_text("seed", exact=True), "(one) => one.checkVisibility()"
    assert folded.evaluate(shown) is False
    visit.page.set_viewport_size({"width": 688, "height": 1000})  # A4 without its margins
    visit.page.emulate_media(media="print", color_scheme="dark")
    style = "getComputedStyle(document.body)"
    assert visit.page.evaluate(f"{style}.backgroundColor") == "rgb(255, 255, 255)"
    assert visit.page.evaluate("document.documentElement.scrollWidth") == 688
    assert folded.evaluate(shown) is True
    figures = visit.page.locator("figure").evaluate_all(
        "all => all.map((one) => [getComputedStyle(one).breakInside, one.offsetHeight])"
    )
    assert len(figures) > 8
    assert all(rule == "avoid" and height < 900 for rule, height in figures)
    wide = visit.page.locator("svg[viewBox^='0 0 680']")
    assert wide.evaluate_all("all => all.every((one) => one.checkVisibility())")
    visit.page.emulate_media(media="screen", color_scheme="light")
    assert visit.page.pdf(prefer_css_page_size=True).startswith(b"%PDF")
