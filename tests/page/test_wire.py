"""The wire under a panel: chunks as they arrived, the raw bytes, the waterfall; and its bounds."""

import json
import re

from playwright.sync_api import expect

from support.browsing import Browsing


def test_each_chunk_is_listed_as_it_arrived(visit: Browsing) -> None:
    counter = visit.panel("counter")
    counter.fill(count=3, interval=0.02)
    counter.start()
    rows = counter.find(".arrivals li")
    expect(rows).to_have_count(3)
    for n, row in enumerate(rows.all()):
        pattern = rf'^\+[\d.]+ (ms|s)\d+ B\{{"count":{n},"time":\d+\}}$'
        assert re.match(pattern, row.text_content()), row.text_content()


def test_chunks_are_listed_while_the_stream_runs(visit: Browsing) -> None:
    counter = visit.panel("counter")
    counter.fill(count=2, interval=60)
    counter.start()
    expect(counter.find(".arrivals li")).to_have_count(1)
    expect(counter.find(".figure")).to_have_text(re.compile(r"^[\d.]+ m?s$"))


def test_the_time_to_the_first_byte_and_the_waterfall(visit: Browsing) -> None:
    typing = visit.panel("typing")
    expect(typing.find("svg")).to_have_attribute("aria-label", "Timeline: no request sent yet")
    typing.fill(text="abcdef", cps=100)
    typing.start()
    typing.says(re.compile("^Done"))
    body = r"first byte ([\d.]+ m?s) · (\d) chunks?, 6 B"
    steps = rf"request 0 ms · head [\d.]+ m?s · {body} · end [\d.]+ m?s"
    legend = typing.find(".legend")
    expect(legend).to_have_text(re.compile(f"^{steps}$"))
    told = re.match(steps, legend.inner_text())
    assert told
    expect(typing.find(".figure")).to_have_text(told[1])
    expect(typing.find("svg")).to_have_attribute("aria-label", f"Timeline: {told[0]}")
    assert typing.find(".ticks").get_attribute("d").count("M") == int(told[2])
    assert typing.find(".end").get_attribute("d")
    parts = [typing.find(f"rect.{name}").get_attribute("width") for name in ("wait", "body")]
    assert all(float(width) > 0 for width in parts)


def test_raw_bytes_show_the_framing(visit: Browsing) -> None:
    typing = visit.panel("typing")
    typing.fill(text="a\n東", cps=500)
    typing.start()
    typing.says(re.compile("^Done"))
    raw = typing.raw()
    assert raw.startswith("POST /api/type\n")
    assert "HTTP/1.1 200 OKCRLF" in raw
    assert "transfer-encoding: chunkedCRLF" in raw
    frames = [one.text_content() for one in typing.find(".raw .frame").all()]
    body = [one.text_content() for one in typing.find(".raw .body").all()]
    sizes = [frame.removesuffix("CRLF\n") for frame in frames]
    assert sizes == ["1", "", "1", "", "3", "", "0", ""]
    assert body == ["a", "LF\n", "東"]
    assert raw.rstrip().endswith("Outcome: complete")


def test_raw_bytes_can_be_read_again_and_hidden(visit: Browsing) -> None:
    counter = visit.panel("counter")
    counter.fill(count=2, interval=60)
    counter.start()
    expect(counter.find(".arrivals li")).to_have_count(1)
    assert "Still open" in counter.raw()
    counter.stop()
    counter.says(re.compile("^Stopped by you"))
    again = counter.section.get_by_role("button", name="Read again")
    expect(counter.find(".raw .outcome")).to_have_text("Still open")
    again.click()
    expect(counter.find(".raw .outcome")).to_have_text("Outcome: client_gone")
    button = counter.section.get_by_role("button", name="Raw bytes")
    expect(button).to_have_attribute("aria-expanded", "true")
    button.click()
    expect(button).to_have_attribute("aria-expanded", "false")
    expect(counter.find(".raw")).to_be_hidden()


def test_a_file_is_told_to_have_gone_past_us(visit: Browsing) -> None:
    download = visit.panel("download")
    download.fill(rate=0)
    download.start()
    download.says(re.compile("^Done"))
    assert "3.0 MiB of the body were sent from a file by sendfile." in download.raw()


def test_bytes_that_are_no_text_are_shown_in_hexadecimal(visit: Browsing) -> None:
    shown = visit.page.evaluate("""async () => {
      const { visible } = await import("/page/js/rawbytes.js");
      const nodes = visible(Uint8Array.of(0x61, 0xff, 0xe6, 0x9d, 0x00, 0x0a));
      return nodes.map((node) => node.textContent ?? node).join("");
    }""")
    assert shown == "a\\xff\\xe6\\x9d\\x00LF\n"


def test_a_recording_that_is_not_here_is_told(visit: Browsing) -> None:
    """As where another worker has it, and nothing is shared."""
    visit.page.route("**/api/type*", lambda route: route.abort())
    typing = visit.panel("typing")
    typing.start()
    typing.says("Refused: the server does not answer.")
    assert "another worker has it" in typing.raw()
    visit.expect_complaint("ERR_FAILED")
    visit.expect_complaint("404 (Not Found)")


def test_thousands_of_chunks_do_not_kill_the_page(visit: Browsing) -> None:
    counter = visit.panel("counter")
    counter.fill(count=3_000, interval=0)
    counter.start()
    expect(counter.find(".wirebody > .hint")).to_have_text("The last 100 of 3,000 events:")
    expect(counter.find(".arrivals li")).to_have_count(100)
    expect(counter.find(".arrivals li").last).to_contain_text('{"count":2999,')
    assert counter.find(".ticks").get_attribute("d").count("M") <= 600
    raw = counter.raw()
    assert re.search(r"\d more writes not recorded, or recorded in part", raw)
    assert len(json.dumps(raw)) < 1_000_000


def test_a_recording_that_is_not_all_here_is_told(visit: Browsing) -> None:
    """As where a connection reached another worker, and nothing is shared."""
    typing = visit.panel("typing")
    typing.fill(text="a")
    typing.start()
    typing.says(re.compile("^Done"))
    visit.page.route("**/api/wire/*", lambda route: route.fulfill(json={"exchanges": []}))
    assert "reached another worker" in typing.raw()


def test_a_long_stream_keeps_its_last_rows(visit: Browsing) -> None:
    counter = visit.panel("counter")
    counter.fill(count=250, interval=0.002)
    counter.start()
    expect(counter.find(".arrivals li").last).to_contain_text('{"count":249,')
    expect(counter.find(".arrivals li")).to_have_count(100)


def test_chunks_of_binary_data_are_listed_by_their_offset(visit: Browsing) -> None:
    download = visit.panel("download")
    download.fill(rate=0)
    download.start()
    download.says(re.compile("^Done"))
    expect(download.find(".arrivals code").first).to_have_text("offset 0")
    previews = download.find(".arrivals code").all_text_contents()
    assert all(re.fullmatch(r"offset [\d,]+ ", preview) for preview in previews), previews


def test_chunks_of_a_job_are_listed_by_their_step(visit: Browsing) -> None:
    """All of them begin with the same id."""
    job = visit.panel("job")
    job.fill(steps=2, interval=0.01)
    job.start()
    job.says("Done: 2 steps.")
    expect(job.find(".arrivals strong")).to_have_text(["step 0", "step 1", "step 2"])


def test_frames_are_told_apart_wherever_the_writes_were_cut(visit: Browsing) -> None:
    """Ours hold whole chunks; what a relay passes on need not."""
    told = visit.page.evaluate("""async () => {
      const { Framing } = await import("/page/js/rawbytes.js");
      const framing = new Framing();
      const parts = [];
      for (const write of ["HTTP/1.1 200 OK\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\n5\\r\\nab",
                           "cde\\r\\n1\\r\\nf\\r\\n"]) {
        for (const [kind, bytes] of framing.parts(new TextEncoder().encode(write))) {
          if (kind !== "head" && bytes.length) parts.push([kind, new TextDecoder().decode(bytes)]);
        }
      }
      return parts;
    }""")
    body = [text for kind, text in told if kind == "body"]
    frames = "".join([text for kind, text in told if kind == "frame"])
    assert body == ["ab", "cde", "f"]
    assert frames == "5\r\n\r\n1\r\n\r\n"
