"""Coded streams in Chromium: each event is sent when the page has reported the one before."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from page.lockstep import COUNT
from streamserver.wire.content_coding import CODINGS
from support.browsing import visiting
from support.content_decoding import content_decoder
from support.process import start_server

FETCH = """async (url) => {
  const response = await fetch(url);
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  const found = [];
  for (let text = ""; ; ) {
    const { done, value } = await reader.read();
    if (done) return found;
    const events = (text + value).split("\\n\\n");
    text = events.pop();
    for (const event of events) {
      const data = /^data: (.*)$/m.exec(event);
      if (!data) continue;
      found.push(JSON.parse(data[1]));
      await fetch(url, { method: "POST" });
    }
  }
}"""
EVENT_SOURCE = """(url) => new Promise((resolve) => {
  const source = new EventSource(url);
  const found = [];
  source.onmessage = ({ data }) => {
    found.push(JSON.parse(data));
    fetch(url, { method: "POST" });
  };
  source.onerror = () => source.readyState === EventSource.CLOSED && resolve(found);
})"""


@pytest.fixture(scope="module")
def blank(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A page of the app that keeps in step."""
    folder = Path(__file__).parent
    server = start_server(
        tmp_path_factory.mktemp("lockstep"), "lockstep:app", env={"PYTHONPATH": str(folder)}
    )
    page = browser.new_page()
    page.goto(server.url)
    yield page
    page.close()
    assert server.stop() == 0, server.output()


def test_the_page_of_a_server_that_compresses(
    context: Any, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The panels show decoded chunks, the raw view what was sent."""
    server = start_server(tmp_path_factory.mktemp("compressing"), "--compress")
    with visiting(context, server.url) as browsing:
        typing = browsing.panel("typing")
        typing.fill(text="abc東", cps=500)
        typing.start()
        typing.says(re.compile("^Done"))
        # Chromium may join pieces that arrive within milliseconds.
        assert "".join(typing.find(".arrivals code").all_text_contents()) == "abc東"
        raw = typing.raw()
        assert "content-encoding: gzipCRLF" in raw
        assert "The body is encoded in gzip" in raw
        sent = "".join(typing.find(".raw .body").all_text_contents())
        assert re.fullmatch(r"(\\x[0-9a-f]{2})+", sent)
        coded = bytes.fromhex(sent.replace("\\x", ""))
        assert content_decoder("gzip").feed(coded).decode() == "abc東"
        counter = browsing.panel("counter")
        counter.fill(count=3, interval=0.01)
        counter.start()
        expect(counter.find(".arrivals li")).to_have_count(3)
    assert server.stop() == 0, server.output()


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("reader", ["fetch", "EventSource"])
def test_each_event_arrives_before_the_next_is_sent(blank: Any, reader: str, coding: str) -> None:
    found = blank.evaluate(FETCH if reader == "fetch" else EVENT_SOURCE, f"/{coding}/{reader}")
    assert found == [{"n": n, "coding": coding} for n in range(COUNT)]
