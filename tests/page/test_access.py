"""For everybody: screen readers, keyboards, phones, dark rooms."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import expect

from support import peers
from support.browsing import Browsing, profile, visiting
from support.demo import Demo

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
CONTROLS = "a[href], button, input, select, textarea, summary, [tabindex='0']"


@pytest.fixture(params=["light", "dark"])
def scheme(request: pytest.FixtureRequest, browser: Any, demo: Demo) -> Iterator[Browsing]:
    """The page in one of its colours, with something in every panel."""
    with (
        profile(browser, color_scheme=request.param) as context,
        visiting(context, demo.url) as visit,
    ):
        fill_everything(visit)
        yield visit


def fill_everything(visit: Browsing) -> None:
    counter, posting = visit.panel("counter"), visit.panel("posting")
    counter.fill(count=3, interval=0.01)
    counter.start()
    visit.panel("notifications").start()
    visit.panel("notifications").says("Listening …")
    visit.page.get_by_role("button", name="Publish", exact=True).click()
    posting.start()
    posting.says(re.compile("^Refused"))
    visit.panel("export").fill(rows=2000)
    visit.panel("export").start()
    visit.panel("export").says(re.compile("^Done"))
    counter.says(re.compile("^Done"))
    assert "200 OK" in counter.raw()
    for summary in visit.page.locator("summary").all():
        summary.click()
    visit.expect_complaint("405 (Method Not Allowed)")


def test_axe_finds_nothing(scheme: Browsing) -> None:
    script = peers.node_package("axe-core") / "axe-core" / "axe.min.js"
    scheme.page.evaluate(script.read_text("utf-8"))  # as a debugger does, which no policy forbids
    found = scheme.page.evaluate("rules => axe.run({ runOnly: rules })", RULES)
    told = [(v["id"], [node["target"] for node in v["nodes"]]) for v in found["violations"]]
    assert not told, json.dumps(told, indent=1)
    assert len(found["passes"]) > 30


def test_every_control_is_reached_with_the_tab_key(visit: Browsing) -> None:
    page = visit.page
    number = """controls => {
      const shown = [...document.querySelectorAll(controls)].filter((e) => e.checkVisibility());
      shown.forEach((control, n) => (control.dataset.n = n));
      return shown.length;
    }"""
    count = page.evaluate(number, CONTROLS)
    reached = []
    for _ in range(count):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("Number(document.activeElement.dataset.n)"))
    assert reached == list(range(count)), "in the order in which they stand"
    assert count > 60


def test_the_keyboard_is_enough(visit: Browsing) -> None:
    counter, page = visit.panel("counter"), visit.page
    counter.fill(count=1000, interval=0.05)
    counter.find("[name=interval]").press("Enter")
    counter.says("Counting …")
    page.keyboard.press("Tab")
    expect(counter.find("[type=submit]")).to_be_focused()
    page.keyboard.press("Tab")
    expect(counter.find("[data-stop]")).to_be_focused()
    page.keyboard.press("Space")
    counter.says(re.compile("^Stopped by you"))
    expect(counter.find("[data-stop]")).to_be_focused()
    expect(counter.find("[data-stop]")).to_have_attribute("aria-disabled", "true")


def test_focus_can_be_seen(visit: Browsing) -> None:
    visit.page.keyboard.press("Tab")
    expect(visit.page.get_by_text("Skip to the first panel")).to_be_in_viewport()
    visit.page.keyboard.press("Tab")
    outline = visit.page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"


def test_live_regions_do_not_shout(visit: Browsing) -> None:
    """What a screen reader reads out changes with the state, and not with every chunk."""
    counter = visit.panel("counter")
    live = "[role=status], [role=log], [role=alert], [aria-live]"
    visit.page.evaluate(
        """live => {
          window.told = [];
          for (const region of document.querySelectorAll(live)) {
            new MutationObserver(() => told.push(region.textContent))
              .observe(region, { childList: true, characterData: true, subtree: true });
          }
        }""",
        live,
    )
    counter.fill(count=200, interval=0.002)
    counter.start()
    counter.says(re.compile("^Done: 200 pieces"))
    told = visit.page.evaluate("told")
    assert len(told) <= 5
    assert told[-1].startswith("Done")


def test_nothing_is_wider_than_the_window(visit: Browsing) -> None:
    fill_everything(visit)
    for width in (320, 390, 768, 1280):
        visit.page.set_viewport_size({"width": width, "height": 800})
        assert visit.page.evaluate("document.documentElement.scrollWidth") == width


def test_what_a_finger_has_to_hit_is_large_enough(visit: Browsing) -> None:
    """24 by 24 pixels at least (WCAG 2.2, 2.5.8)."""
    visit.page.set_viewport_size({"width": 390, "height": 800})
    small = visit.page.evaluate(
        """() => [...document.querySelectorAll("main button, main input, main select, summary")]
          .filter((control) => control.checkVisibility())
          .map((control) => [control.textContent, control.getBoundingClientRect()])
          .filter(([_, box]) => Math.min(box.width, box.height) < 24)"""
    )
    assert small == []


def test_without_script_the_page_can_be_read(browser: Any, demo: Demo) -> None:
    with profile(browser, java_script_enabled=False) as off, visiting(off, demo.url) as visit:
        counter = visit.page.locator("#counter")
        expect(counter.get_by_text("async def counter")).to_be_visible()
        counter.get_by_text("From a terminal").click()
        expect(counter.get_by_text("curl -N")).to_be_visible()
        assert "<noscript>" in visit.page.content()


def test_the_policy_lets_nothing_inline_run(visit: Browsing) -> None:
    """That is, the browser was told of it, and holds to it."""
    visit.page.evaluate("""() => {
      const script = document.createElement("script");
      script.textContent = "window.ran = true";
      document.body.append(script);
    }""")
    assert visit.page.evaluate("window.ran") is None
    visit.expect_complaint("Content Security Policy")
