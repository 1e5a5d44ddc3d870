"""How streams end other than well, each told as what happened; and the pitfalls."""

import contextlib
import re
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from support.browsing import Browsing, visiting
from support.process import start_server
from support.upstreams import nobody

CUT = "ERR_INCOMPLETE_CHUNKED_ENCODING"


def test_a_refusal_is_told_in_the_servers_words_and_can_be_tried_again(visit: Browsing) -> None:
    typing = visit.panel("typing")
    typing.find("[name=text]").evaluate("area => area.removeAttribute('maxlength')")
    typing.fill(text="x" * 10_001, cps=1000)
    typing.start()
    typing.says(re.compile(r"^Refused: 400 text must be a text of 1 to 10000 characters"))
    typing.fill(text="short")
    again = typing.section.get_by_role("button", name="Try again")
    again.click()
    typing.says(re.compile(r"^Done: \d pieces?, 5 B"))
    expect(again).to_have_count(0)
    visit.expect_complaint("400 (Bad Request)")


PANELS = ["counter", "typing", "chat", "notifications", "job", "download", "export", "upload"]


def test_where_no_server_answers_every_panel_says_so(browser: Any, tmp_path: Path) -> None:
    server = start_server(tmp_path)
    with visiting(browser, server.url) as visit:
        assert server.stop() == 0
        for name in PANELS:
            visit.panel(name).start()
        for name in PANELS:
            if name in ("counter", "notifications"):  # an EventSource keeps trying
                visit.panel(name).says(re.compile("^Cut: the EventSource comes back by itself"))
                visit.panel(name).stop()
                visit.panel(name).says("Stopped by you.")
            else:
                visit.panel(name).says(re.compile("^(Refused: nobody answers|Cut: )"))
        visit.expect_complaint("ERR_CONNECTION_REFUSED")


def test_silence_is_late(visit: Browsing) -> None:
    visit.page.clock.install(time=0)
    visit.page.clock.pause_at(1000)
    unclosed = visit.panel("unclosed")
    unclosed.section.get_by_role("button", name="Never closed").click()
    unclosed.shows("This text should have ")
    visit.page.clock.fast_forward(3900)
    unclosed.says("Waiting for the first byte …")
    visit.page.clock.fast_forward(200)
    unclosed.says("Late: nothing came for 4 seconds.")
    expect(unclosed.find("[data-why]")).to_have_text(re.compile("no last-chunk came"))


def test_a_stream_that_breaks_is_cut(visit: Browsing) -> None:
    unclosed = visit.panel("unclosed")
    unclosed.section.get_by_role("button", name="Breaks").click()
    unclosed.says("Cut: the connection broke after 22 bytes.")
    unclosed.shows("This text should have ")
    expect(unclosed.find("[data-why]")).to_have_text(re.compile("cut the connection without"))
    assert "Outcome: truncated" in unclosed.raw()
    visit.expect_complaint(CUT)


def test_events_without_their_headers_reach_no_event_source(visit: Browsing) -> None:
    unlabelled = visit.panel("unlabelled")
    unlabelled.start()
    unlabelled.says("Refused: the EventSource gave up, and does not say why.")
    unlabelled.shows(re.compile("has no Content-Type"))
    raw = unlabelled.raw()
    assert "data: 0␊" in raw
    assert "content-type" not in raw
    visit.expect_complaint('that is not "text/event-stream"')


def test_an_event_source_cannot_post(visit: Browsing) -> None:
    posting = visit.panel("posting")
    posting.start()
    posting.says("Refused: the EventSource gave up, and does not say why.")
    posting.shows(re.compile(r"answered 405 .*\(Allow: OPTIONS, POST\)"))
    visit.expect_complaint("405 (Method Not Allowed)")


# The model behind the chat


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
TOKEN = b'data: {"choices":[{"delta":{"content":"half"}}]}\n\n'
SAID = HEAD + b"%x\r\n%b\r\n" % (len(TOKEN), TOKEN)
ENDS = {
    "cut": (SAID, f"Cut: the connection broke after {len(TOKEN)} bytes."),
    "no [DONE]": (SAID + b"0\r\n\r\n", "Cut: the answer ended without [DONE], after 1 token."),
}


@contextlib.contextmanager
def speaking(said: bytes) -> Iterator[str]:
    """A model that says this, whatever it is asked, and hangs up; its base URL."""

    def speak() -> None:
        connection, _ = server.accept()
        with connection:
            while not connection.recv(65536).endswith(b"}"):
                pass
            connection.sendall(said)

    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(10)
        thread = threading.Thread(target=speak)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/v1"
        thread.join()


@pytest.mark.parametrize(("said", "told"), ENDS.values(), ids=ENDS)
def test_an_answer_that_is_not_whole_is_cut(
    browser: Any, tmp_path: Path, said: bytes, told: str
) -> None:
    with speaking(said) as model:
        server = start_server(tmp_path, "--upstream", model)
        with visiting(browser, server.url) as visit:
            chat = visit.panel("chat")
            chat.start()
            chat.says(told)
            chat.shows("half")
            if said is SAID:
                visit.expect_complaint(CUT)
        assert server.stop() == 0


def test_a_model_that_is_not_there_is_told(browser: Any, tmp_path: Path) -> None:
    with nobody() as port:
        server = start_server(tmp_path, "--upstream", f"http://127.0.0.1:{port}/v1")
        with visiting(browser, server.url) as visit:
            chat = visit.panel("chat")
            chat.start()
            chat.says(re.compile(r"^Refused: 502 "))
            expect(chat.section.get_by_role("button", name="Try again")).to_be_visible()
            visit.expect_complaint("502 (Bad Gateway)")
        assert server.stop() == 0
