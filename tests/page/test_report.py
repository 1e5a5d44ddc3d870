"""The report of `bench` in a browser: nothing is cut off on a phone, and the wide table scrolls."""

from pathlib import Path
from typing import Any

import pytest

from streamserver.lab.client.record import Record
from streamserver.lab.report.page import page
from streamserver.lab.report.report import About, Report, Setting
from streamserver.lab.report.slo import judge, parse
from streamserver.lab.report.summary import Summary
from support.browsing import profile, visiting

MS = 1_000_000
LONG = "http://127.0.0.1:8000/" + "long" * 50
WIDER = "(one) => one.scrollWidth - one.clientWidth"


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report of a few exchanges, one of them a failure, with everything that may be long."""
    summary = Summary()
    for n in range(1, 30):
        summary.add(
            Record(MS, MS, connected=2 * MS, sent=2 * MS, head=(5 + n) * MS, status=200,
                   first_byte=(6 + n) * MS, last_byte=(900 + n) * MS, end="complete")
        )  # fmt: skip
    summary.add(Record(MS, MS, head=2 * MS, status=503, end="refused", answer="busy" * 50))
    objectives = judge(parse("first_byte_p99=5ms,errors=0.1%"), summary)
    command = f"streamserver bench {LONG} --slo first_byte_p99=5ms,errors=0.1%"
    settings = [Setting("header", LONG, False), Setting("seed", "0", True)]
    about = About("2026-11-22T16:51:05Z", "streamserver 1.2.3", command, settings)
    path = tmp_path_factory.mktemp("report") / "report.html"
    made = Report(f"GET {LONG}", summary, 2.0, objectives, ["a process died"], about)
    path.write_text(page(made), "utf-8")
    return path


@pytest.mark.parametrize(("width", "scrolls"), [(360, True), (1200, False)])
def test_the_report_fits_the_screen_and_its_table_scrolls(
    browser: Any, report: Path, width: int, scrolls: bool
) -> None:
    with (
        profile(browser, viewport={"width": width, "height": 700}) as context,
        visiting(context, f"file://{report}") as visit,
    ):
        assert visit.page.evaluate("() => document.documentElement.scrollWidth") == width
        table = visit.page.get_by_role("region", name="Milestones")
        assert (table.evaluate(WIDER) > 0) is scrolls
        if scrolls:
            table.focus()
            visit.page.keyboard.press("ArrowRight")
            visit.page.wait_for_function("(one) => one.scrollLeft > 0", arg=table.element_handle())
        visit.page.get_by_text("Options by default").click()
        assert visit.page.get_by_text("seed", exact=True).is_visible()
        for drawing in visit.page.locator("svg").all():
            box = drawing.bounding_box()
            assert box["width"] <= width
            assert box["x"] >= 0
