"""For everybody: screen readers, keyboards, phones, dark rooms."""

import json
import re
from typing import Any

import pytest
from playwright.sync_api import expect

from support import peers
from support.browsing import Browsing, profile, visiting
from support.demo import Demo

ALL = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
COLOURS = ["color-contrast", "link-in-text-block"]
"""The rules whose result depends on the colour scheme."""
CONTROLS = "a[href], button, input, select, textarea, summary, [tabindex='0']"


@pytest.mark.parametrize(
    ("scheme", "rules", "least"), [("light", ALL, 31), ("dark", COLOURS, 1)], ids=["light", "dark"]
)
def test_axe_finds_nothing(filled: Browsing, scheme: str, rules: list[str], least: int) -> None:
    filled.page.emulate_media(color_scheme=scheme)
    script = peers.node_package("axe-core") / "axe-core" / "axe.min.js"
    filled.page.evaluate(script.read_text("utf-8"))  # as a debugger does: no policy forbids it
    found = filled.page.evaluate("rules => axe.run({ runOnly: rules })", rules)
    violations = [(v["id"], [node["target"] for node in v["nodes"]]) for v in found["violations"]]
    assert not violations, json.dumps(violations, indent=1)
    assert len(found["passes"]) >= least


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


def test_without_script_the_page_can_be_read(browser: Any, demo: Demo) -> None:
    with profile(browser, java_script_enabled=False) as off, visiting(off, demo.url) as visit:
        counter = visit.page.locator("#counter")
        expect(counter.get_by_text("async def counter")).to_be_visible()
        counter.get_by_text("From a terminal").click()
        expect(counter.get_by_text("curl -N")).to_be_visible()
        assert "<noscript>" in visit.page.content()


def test_progress_bars_are_visible_with_forced_colours(filled: Browsing) -> None:
    filled.page.emulate_media(forced_colors="active")
    style = "bars => new Set(bars.map((bar) => getComputedStyle(bar).appearance))"
    appearances = filled.page.locator("progress").evaluate_all(f"bars => [...({style})(bars)]")
    filled.page.emulate_media(forced_colors="none")
    assert appearances == ["auto"]


def test_the_policy_lets_nothing_inline_run(visit: Browsing) -> None:
    """That is, the browser was told of it, and holds to it."""
    visit.page.evaluate("""() => {
      const script = document.createElement("script");
      script.textContent = "window.ran = true";
      document.body.append(script);
    }""")
    assert visit.page.evaluate("window.ran") is None
    visit.expect_complaint("Content Security Policy")
