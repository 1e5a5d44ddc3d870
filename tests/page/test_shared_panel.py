"""What the page shows of the connection that tabs share: the notifications, and the pitfall."""

import re
from typing import Any

from playwright.sync_api import expect

from page.tabs import connections, publish, tabs
from support.browsing import Browsing, visiting, wait_for_text
from support.demo import Demo
from support.readme import blocks
from support.waiting import block_until

CUT = "ERR_INCOMPLETE_CHUNKED_ENCODING"
RECONNECTED = re.compile("reconnected 1 time")


def test_a_second_tab_shows_the_connection_of_the_first(
    visit: Browsing, context: Any, demo: Demo
) -> None:
    first = visit.panel("notifications")
    first.start()
    first.says("Listening …")
    with visiting(context, demo.url) as other:
        second = other.panel("notifications")
        second.start()
        second.says("Listening over the connection of another tab …")
        second.section.get_by_role("button", name="Cut, publish 3").click()
        away = [f"infoWhile disconnected: {n} of 3" for n in (1, 2, 3)]
        expect(second.find(".feed li")).to_have_text([f"{text} replayed" for text in away])
        wait_for_text(second.find(".legend"), RECONNECTED)
        visit.page.bring_to_front()  # Chromium draws a tab in the background once a second only
        expect(first.find(".feed li")).to_have_text(away)
        wait_for_text(first.find(".legend"), RECONNECTED)
        first.stop()
        second.says("Listening …")
        other.page.bring_to_front()
        second.section.get_by_role("button", name="Publish", exact=True).click()
        expect(second.find(".feed li")).to_have_count(4)
        raw = second.raw()
        assert len(re.findall(r"GET /api/notifications\?announce=position&client=", raw)) == 3
        assert "&last-event-id=" in raw
        assert "Outcome: truncated" in raw
        assert "Still open" in raw
    visit.expect_complaint(CUT)


def test_the_seventh_event_source_waits(visit: Browsing) -> None:
    crowded = visit.panel("crowded")
    crowded.start()
    crowded.says(re.compile(r"^Done: 6 opened, and 2 waited\. .* the next opened [\d.]+ m?s later"))
    crowded.shows("6 of 7 open, 1 waiting")
    expect(crowded.find("[data-why]")).to_have_text(re.compile("at most six connections"))
    # The eighth may have been connected for a moment, when the others were closed.
    assert crowded.raw().count("GET /pitfalls/crowded") in (7, 8)


CROWD = """() => {
  for (let n = 0; n < 12; n++) window[`source${n}`] = new EventSource("/pitfalls/crowded");
}"""


def test_another_tab_can_have_all_connections(visit: Browsing, context: Any, demo: Demo) -> None:
    with tabs(context, demo.url, 1) as [other]:
        with other.page.expect_event("response"):
            other.page.evaluate(CROWD)
        crowded = visit.panel("crowded")
        crowded.start()
        crowded.says("Done: 0 opened, and 8 waited. One was closed, and no other opened.")


def test_eight_that_share_have_one_connection(visit: Browsing) -> None:
    crowded = visit.panel("crowded")
    crowded.section.get_by_role("button", name="Eight shared").click()
    crowded.says("Done: all 8 are open.")
    crowded.shows("8 of 8 open, 0 waiting")
    expect(crowded.find("[data-why]")).to_have_text(re.compile("over one connection"))
    assert crowded.raw().count("GET /pitfalls/crowded") == 1


def test_the_sample_of_the_readme(context: Any, demo: Demo) -> None:
    [sample] = [each.text for each in blocks() if each.section == "One connection for all tabs"]
    page = context.new_page()
    page.goto(f"{demo.url}/health")
    with page.expect_console_message(lambda told: told.type == "log") as logged:
        page.add_script_tag(content=sample.replace("/news", "/api/notifications"), type="module")
        block_until(lambda: connections(demo))
        publish(demo)
    assert '"text":"x"' in logged.value.text
    page.close()
