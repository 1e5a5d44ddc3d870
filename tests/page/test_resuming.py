"""What is resumed: notifications after a cut, a job after a reload."""

import re

from playwright.sync_api import expect

from support.browsing import Browsing, Panel
from support.demo import Demo
from support.waiting import block_until

CUT = "ERR_INCOMPLETE_CHUNKED_ENCODING"
"""What Chromium's console says of a connection that was cut."""


def listening(visit: Browsing) -> Panel:
    panel = visit.panel("notifications")
    panel.start()
    panel.says("Listening …")
    return panel


def publish(panel: Panel, text: str, level: str = "info") -> None:
    panel.fill(text=text, level=level)
    panel.section.get_by_role("button", name="Publish", exact=True).click()


def test_notifications_arrive(visit: Browsing) -> None:
    panel = listening(visit)
    publish(panel, "one")
    publish(panel, "<b>two</b>", "warning")
    expect(panel.find(".feed li")).to_have_text(["infoone", "warning<b>two</b>"])


def test_a_cut_connection_comes_back_and_the_replay_fills_the_hole(
    visit: Browsing, demo: Demo
) -> None:
    panel = listening(visit)
    publish(panel, "before")
    expect(panel.find(".feed li")).to_have_text(["infobefore"])
    panel.section.get_by_role("button", name="Cut, publish 3").click()
    panel.says(re.compile("^Cut: the EventSource reconnects"))
    panel.says("Listening …")
    away = [f"infoWhile disconnected: {n} of 3 replayed" for n in (1, 2, 3)]
    expect(panel.find(".feed li")).to_have_text(["infobefore", *away])
    publish(panel, "after")
    expect(panel.find(".feed li")).to_have_text(["infobefore", *away, "infoafter"])
    expect(panel.find(".legend")).to_have_text(re.compile("reconnected 1 time"))
    raw = panel.raw()
    assert raw.count("GET /api/notifications") == 2
    assert raw.count("HTTP/1.1 200 OK") == 2
    assert "Outcome: truncated" in raw
    assert "Still open" in raw
    visit.expect_complaint(CUT)


def test_a_client_cut_before_its_first_event_misses_nothing(visit: Browsing) -> None:
    panel = listening(visit)
    panel.section.get_by_role("button", name="Cut, publish 3").click()
    away = [f"infoWhile disconnected: {n} of 3 replayed" for n in (1, 2, 3)]
    expect(panel.find(".feed li")).to_have_text(away)
    visit.expect_complaint(CUT)


def test_the_list_of_notifications_is_bounded(visit: Browsing) -> None:
    panel = listening(visit)
    visit.page.evaluate("""async () => {
      for (let n = 1; n <= 60; n++) {
        const body = JSON.stringify({ text: `number ${n}` });
        await fetch("/api/notifications", { method: "POST", body });
      }
    }""")
    expect(panel.find(".feed li").last).to_have_text("infonumber 60")
    expect(panel.find(".feed li")).to_have_count(50)


def test_what_cannot_be_published_is_told(visit: Browsing) -> None:
    panel = listening(visit)
    panel.find("[name=text]").evaluate("input => input.removeAttribute('maxlength')")
    publish(panel, "x" * 501)
    refused = re.compile(r"Not done: status 400 \(text must be a text of")
    expect(panel.find(".feed li")).to_have_text(refused)
    visit.expect_complaint("400 (Bad Request)")


# Jobs


def test_a_job_shows_its_progress(visit: Browsing) -> None:
    job = visit.panel("job")
    job.fill(steps=5, interval=0.02)
    job.start()
    job.says("Done: 5 steps.")
    job.shows("Step 5 of 5")
    bar = job.find("progress")
    assert bar.evaluate("bar => [bar.value, bar.max]") == [5, 5]


def test_a_reload_goes_on_with_the_job(visit: Browsing) -> None:
    job = visit.panel("job")
    job.fill(steps=1000, interval=0.05)
    with visit.page.expect_response("**/api/jobs") as begun:
        job.start()
    location = begun.value.headers["location"]
    job.shows(re.compile("^Step [1-9]"))
    with visit.page.expect_request(re.compile(f"{location}/events")):
        visit.page.reload()
    job.says("The job is running …")
    job.shows(re.compile(r"^Step \d+ of 1000$"))
    first = job.find("progress").evaluate("bar => bar.value")
    expect(job.find("[data-output]")).not_to_have_text(f"Step {first} of 1000")
    job.stop()
    job.says("The job was cancelled.")


def test_a_cancelled_job_stops_on_the_server(visit: Browsing, demo: Demo) -> None:
    job = visit.panel("job")
    job.fill(steps=1000, interval=0.05)
    with visit.page.expect_response("**/api/jobs") as begun:
        job.start()
    location = begun.value.headers["location"]
    job.shows(re.compile("^Step [1-9]"))
    job.stop()
    job.says("The job was cancelled.")
    state = visit.page.evaluate("async url => (await fetch(url)).json()", location)
    assert state["state"] == "cancelled"
    assert block_until(lambda: demo.ended(f"{location}/events")) == ["complete"]
    visit.page.reload()
    job.says("Ready.")


def test_a_job_that_fails_says_so(visit: Browsing) -> None:
    job = visit.panel("job")
    job.fill(steps=5, interval=0.01, fail_at=3)
    job.start()
    job.says("Failed: step 3 fails on request.")
    job.shows("Step 2 of 5")
    job.fill(fail_at="")
    job.section.get_by_role("button", name="Try again").click()
    job.says("Done: 5 steps.")


def test_a_job_that_is_lost_says_so(visit: Browsing) -> None:
    """What its followers are told when its worker was killed."""
    lost = '{"state": "lost", "step": 2, "steps": 5, "error": "the worker that ran it is gone"}'
    visit.page.route(
        "**/api/jobs/*/events*",
        lambda route: route.fulfill(content_type="text/event-stream", body=f"data: {lost}\n\n"),
    )
    job = visit.panel("job")
    job.start()
    job.says("Failed: the worker that ran it is gone.")
    job.shows("Step 2 of 5")


def test_a_job_that_is_gone_is_told(visit: Browsing) -> None:
    """As after a restart of the server."""
    gone = "/api/jobs/00000000-0000-4000-8000-000000000000"
    visit.page.evaluate("path => sessionStorage.setItem('streamserver.job', path)", gone)
    visit.page.reload()
    gone_too = r"^Refused: status 404 \(there is no such job, or it has expired"
    visit.panel("job").says(re.compile(gone_too))
    visit.expect_complaint("404 (Not Found)")
    visit.page.reload()
    visit.panel("job").says("Ready.")
