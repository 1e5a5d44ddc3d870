"""How streams end other than well, each told as what happened; and the pitfalls."""

import re
from typing import Any

import pytest
from playwright.sync_api import expect

from support.browsing import Browsing, profile, visiting
from support.demo import Demo
from support.process import RunServer
from support.relaying import chunk
from support.upstreams import answering, refusing_port

CUT = "ERR_INCOMPLETE_CHUNKED_ENCODING"


def test_a_refusal_is_told_in_the_servers_words_and_can_be_tried_again(visit: Browsing) -> None:
    typing = visit.panel("typing")
    typing.find("[name=text]").evaluate("area => area.removeAttribute('maxlength')")
    typing.fill(text="x" * 10_001, cps=1000)
    typing.start()
    typing.says(re.compile(r"^Refused: status 400 \(text must be a text of 1 to 10000 characters"))
    typing.fill(text="short")
    again = typing.section.get_by_role("button", name="Try again")
    again.click()
    typing.says(re.compile(r"^Done: \d chunks?, 5 B"))
    expect(again).to_have_count(0)
    visit.expect_complaint("400 (Bad Request)")


PANELS = ["counter", "typing", "chat", "notifications", "job", "download", "export", "upload"]


def test_where_no_server_answers_every_panel_says_so(context: Any, run_server: RunServer) -> None:
    server = run_server()
    with visiting(context, server.url) as visit:
        assert server.stop() == 0
        for name in PANELS:
            visit.panel(name).start()
        for name in PANELS:
            if name in ("counter", "notifications"):  # an EventSource keeps trying
                visit.panel(name).says(re.compile("^Cut: the EventSource reconnects"))
                visit.panel(name).stop()
                visit.panel(name).says("Stopped by you.")
            else:
                visit.panel(name).says(re.compile("^(Refused: the server does not answer|Cut: )"))
        visit.expect_complaint("ERR_CONNECTION_REFUSED")


def test_silence_is_late(browser: Any, demo: Demo) -> None:
    # A clock belongs to a profile, and this one stands still.
    with profile(browser) as own, visiting(own, demo.url) as visit:
        visit.page.clock.install(time=0)
        visit.page.clock.pause_at(1000)
        unclosed = visit.panel("unclosed")
        unclosed.section.get_by_role("button", name="Never closed").click()
        unclosed.shows("This text should have ")
        visit.page.clock.fast_forward(3900)
        unclosed.says("Reading …")
        visit.page.clock.fast_forward(200)
        unclosed.says("Late: no data arrived for 4 seconds.")
        expect(unclosed.find("[data-why]")).to_have_text(re.compile("no last-chunk followed"))


def test_a_long_stream_is_not_late(browser: Any, demo: Demo) -> None:
    """The time is that of each wait, and not of the whole stream."""
    with profile(browser) as own, visiting(own, demo.url) as visit:
        visit.page.clock.install()
        typing = visit.panel("typing")
        typing.fill(text="a" * 9_000, cps=50)
        typing.start()
        shown = ""
        for _ in range(2):
            typing.shows(re.compile(f"{shown}a"))  # a further one: each wait has a time of its own
            shown = typing.find("[data-output]").text_content()
            visit.page.clock.fast_forward(15_000)
        typing.shows(re.compile(f"{shown}a"))
        typing.says("Receiving text …")


def test_a_stream_that_breaks_is_cut(visit: Browsing) -> None:
    unclosed = visit.panel("unclosed")
    unclosed.section.get_by_role("button", name="Fails").click()
    unclosed.says(re.compile(r"^Cut: the connection closed after \d+ bytes\.$"))
    unclosed.shows(re.compile("^This text "))
    expect(unclosed.find("[data-why]")).to_have_text(re.compile("closed the connection without"))
    assert "Outcome: truncated" in unclosed.raw()
    visit.expect_complaint(CUT)


def test_events_without_their_headers_reach_no_event_source(visit: Browsing) -> None:
    unlabelled = visit.panel("unlabelled")
    unlabelled.start()
    unlabelled.says("Refused: the EventSource stopped and reports no reason.")
    unlabelled.shows(re.compile("has no Content-Type"))
    expect(unlabelled.find(".figure")).to_have_text("\N{EN DASH}")
    expect(unlabelled.find(".legend")).to_have_text(re.compile(r"^request 0 ms · end [\d.]+ m?s$"))
    raw = unlabelled.raw()
    assert "data: 0LF" in raw
    assert "content-type" not in raw
    visit.expect_complaint('that is not "text/event-stream"')


def test_an_event_source_cannot_post(visit: Browsing) -> None:
    posting = visit.panel("posting")
    posting.start()
    posting.says("Refused: the EventSource stopped and reports no reason.")
    posting.shows(
        "The EventSource sent GET, and the server answered 405 Method Not Allowed: it allows only"
        " OPTIONS, POST. The EventSource reports one error event without a reason. Send POST with"
        " fetch and read response.body, as the chat above does."
    )
    expect(posting.find(".legend")).to_have_text(re.compile(r"^request 0 ms · end [\d.]+ m?s$"))
    assert not posting.find(".holes").get_attribute("d"), "it did not reconnect"
    visit.expect_complaint("405 (Method Not Allowed)")


# The model behind the chat breaks


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
TOKEN = b'data: {"choices":[{"delta":{"content":"half"}}]}\n\n'


@pytest.mark.parametrize(
    ("end", "said"),
    [
        (b"", "Failed: the upstream's response is broken: it ended before its body did."),
        (b"0\r\n\r\n", "Cut: the answer ended without [DONE] after 1 token."),
    ],
    ids=["cut", "no-done"],
)
def test_half_an_answer_is_told_from_a_whole_one(
    context: Any, run_server: RunServer, end: bytes, said: str
) -> None:
    with answering(HEAD + chunk(TOKEN)) as (upstream, hang_up):
        server = run_server("--upstream", f"{upstream}/v1")
        with visiting(context, server.url) as visit:
            chat = visit.panel("chat")
            chat.start()
            chat.shows("half")
            hang_up(end)
            chat.says(said)
            assert "GET /api/chat/" not in server.output(), "it was read before the cut"
            visit.allow_complaint(CUT)  # unless the page has closed the stream before
            visit.page.reload()
            chat.says("Ready.")  # what has ended is not asked for again


def test_a_model_that_is_away_is_told(context: Any, run_server: RunServer) -> None:
    with refusing_port() as port:
        server = run_server("--upstream", f"http://127.0.0.1:{port}/v1")
        with visiting(context, server.url) as visit:
            visit.panel("chat").start()
            visit.panel("chat").says(re.compile("^Refused: status 502 "))
            again = visit.panel("chat").section.get_by_role("button", name="Try again")
            expect(again).to_be_visible()
            visit.expect_complaint("502 (Bad Gateway)")
