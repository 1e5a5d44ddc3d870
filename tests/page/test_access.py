"""Access by keyboard and screen reader, without script, and under the content security policy."""

import re
from typing import Any

from playwright.sync_api import expect

from support.browsing import Browsing, profile, visiting
from support.demo import Demo

CONTROLS = "a[href], button, input, select, textarea, summary, [tabindex='0']"


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
    """What a screen reader announces changes with the state, and not with every chunk."""
    typing = visit.panel("typing")
    live = "[role=status], [role=log], [role=alert], [aria-live]"
    visit.page.evaluate(
        """live => {
          window.announced = [];
          for (const region of document.querySelectorAll(live)) {
            new MutationObserver(() => announced.push(region.textContent))
              .observe(region, { childList: true, characterData: true, subtree: true });
          }
        }""",
        live,
    )
    typing.fill(text="x" * 200, cps=200)
    typing.start()
    typing.says(re.compile(r"^Done: \d\d+ chunks"))
    announced = visit.page.evaluate("announced")
    assert len(announced) <= 5
    assert announced[-1].startswith("Done")


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
