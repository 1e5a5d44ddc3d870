"""The ladder: the page lists the steps, and each step has a page with its source."""

import pytest
from playwright.sync_api import expect

from streamserver.learn.ladder import steps
from support.browsing import Browsing, visiting
from support.demo import Demo

STEPS = steps()


def test_the_page_lists_what_each_step_adds(visit: Browsing) -> None:
    items = visit.page.locator("#ladder li")
    expect(items).to_have_count(len(STEPS))
    for item, step in zip(items.all(), STEPS, strict=True):
        assert item.locator("a").get_attribute("href") == f"/learn/{step.number}"
        shown = item.locator("p").text_content()
        assert shown.lower() == step.adds.replace("`", "").lower()


def test_each_step_shows_its_source_and_leads_to_the_next(visit: Browsing, demo: Demo) -> None:
    visit.page.locator("#ladder li a").first.click()
    for step in STEPS:
        expect(visit.page).to_have_url(f"{demo.url}/learn/{step.number}")
        expect(visit.page.locator("h1")).to_have_text(step.title, ignore_case=True)
        assert visit.page.locator("pre code").text_content() == step.path.read_text("utf-8")
        expect(visit.page.locator(".where")).to_contain_text(f"learn/{step.path.name}")
        if step is not STEPS[-1]:
            visit.page.locator("a[rel=next]").click()
    expect(visit.page.locator("a[rel=next]")).to_have_count(0)
    visit.page.get_by_role("link", name="All steps").click()
    expect(visit.page.locator("#ladder")).to_be_in_viewport()


@pytest.mark.parametrize("width", [360, 1280])
def test_nothing_is_wider_than_the_window(context: object, demo: Demo, width: int) -> None:
    with visiting(context, f"{demo.url}/learn/6") as browsing:
        browsing.page.set_viewport_size({"width": width, "height": 800})
        inside = (
            "() => document.documentElement.scrollWidth <= document.documentElement.clientWidth"
        )
        assert browsing.page.evaluate(inside)
