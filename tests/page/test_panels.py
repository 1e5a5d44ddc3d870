"""Each panel does what it is for."""

import hashlib
import re

from playwright.sync_api import expect

from support.browsing import Browsing
from support.demo import CONTENT, Demo
from support.waiting import block_until


def test_the_counter_counts_and_learns_that_there_is_no_more(visit: Browsing) -> None:
    counter = visit.panel("counter")
    counter.fill(count=5, interval=0.02)
    counter.start()
    counter.says(re.compile(r"^Done: 5 events, .* the server answered 204\.$"))
    counter.shows("5")
    # The timeline ends with the stream, not with the 204 a second later.
    expect(counter.find(".legend")).to_have_text(re.compile(r"5 events, 160 B · end \d+ ms$"))
    assert not counter.find(".holes").get_attribute("d")


def test_a_stopped_counter_lets_go_of_its_stream(visit: Browsing, demo: Demo) -> None:
    counter = visit.panel("counter")
    counter.fill(count=1000, interval=0.05)
    counter.start()
    counter.shows(re.compile("[1-9]"))
    counter.stop()
    counter.says(re.compile(r"^Stopped by you, after \d+ events?\.$"))
    block_until(lambda: "client_gone" in demo.ended("/api/counter?count=1000&interval=0.05"))


def test_text_is_typed_character_by_character(visit: Browsing) -> None:
    typing = visit.panel("typing")
    text = "Grüße aus 東京! 🚄"
    typing.fill(text=text, cps=500)
    typing.start()
    typing.says(re.compile(rf"^Done: \d+ chunks?, {len(text.encode())} B, "))
    typing.shows(text)


def test_half_a_character_waits_for_its_other_half(visit: Browsing) -> None:
    """Our server sends whole characters, but a network cuts where it likes."""
    visit.page.evaluate("""() => {
      const bytes = new TextEncoder().encode("a東🚄b");
      window.fetch = async () => new Response(new ReadableStream({
        start(controller) {
          for (const byte of bytes) controller.enqueue(Uint8Array.of(byte));
          controller.close();
        },
      }));
    }""")
    typing = visit.panel("typing")
    typing.start()
    typing.says(re.compile("^Done: 9 chunks, 9 B"))
    typing.shows("a東🚄b")


def test_typing_shows_a_text_before_it_is_whole(visit: Browsing) -> None:
    typing = visit.panel("typing")
    typing.fill(text="abc" * 1000, cps=50)
    typing.start()
    typing.says("Receiving text …")
    typing.shows(re.compile("^abc"))
    typing.stop()
    typing.says(re.compile("^Stopped by you"))


def test_the_chat_answers_token_by_token(visit: Browsing) -> None:
    chat = visit.panel("chat")
    chat.fill(prompt="the page")
    chat.start()
    chat.says("Receiving tokens …")
    chat.shows(re.compile("the page"))
    chat.says(re.compile(r"^Done: \d\d+ tokens in "))
    expect(chat.find(".arrivals strong").first).to_have_text(re.compile('^".+"'))


def test_the_stop_button_frees_the_upstream(visit: Browsing, demo: Demo, model: Demo) -> None:
    ended = model.ended("/v1/chat/completions")
    chat = visit.panel("chat")
    chat.start()
    chat.says("Receiving tokens …")
    chat.shows(re.compile("."))
    with visit.page.expect_request(lambda request: request.method == "DELETE"):
        chat.stop()
    chat.says(re.compile("^Stopped by you"))
    both = block_until(lambda: model.ended("/v1/chat/completions")[len(ended) :])
    assert both == ["client_gone"]


def test_a_download_shows_its_progress(visit: Browsing) -> None:
    download = visit.panel("download")
    download.fill(rate=0)
    download.start()
    download.says(re.compile(r"^Done: 3\.0 MiB in "))
    download.shows("3.0 MiB of 3.0 MiB")
    assert download.find("progress").evaluate("bar => bar.value") == len(CONTENT)


def test_a_download_goes_on_where_it_was_broken_off(visit: Browsing, demo: Demo) -> None:
    download = visit.panel("download")
    # Slow enough to be interrupted on a busy machine too.
    download.find("[name=rate]").evaluate("rate => rate.add(new Option('slow', 0.25))")
    download.fill(rate=0.25)
    download.start()
    download.shows(re.compile(r"^\d.* of 3\.0 MiB$"))
    download.stop()
    download.says(re.compile("^Stopped by you"))
    come = download.find("progress").evaluate("bar => bar.value")
    assert 0 < come < len(CONTENT)
    download.fill(rate=0)
    with visit.page.expect_response(re.compile("/files/sample.bin")) as answered:
        download.start()
    assert answered.value.status == 206
    assert answered.value.headers["content-range"].startswith(f"bytes {come}-")
    download.says(re.compile("^Done: "))
    download.shows("3.0 MiB of 3.0 MiB")


def test_an_export_counts_its_rows(visit: Browsing) -> None:
    export = visit.panel("export")
    export.fill(rows=20_000, format="ndjson")
    export.start()
    export.says(re.compile(r"^Done: 20,000 rows in "))
    export.shows(re.compile(r'^\{"id":1,"name":"item 1".*…\s*\{"id":20000,.*\}$', re.S))


def test_the_link_saves_the_chosen_rows(visit: Browsing) -> None:
    export = visit.panel("export")
    link = export.find("[data-save]")
    expect(link).to_have_text("Save 200,000 rows as CSV")
    export.fill(rows=1, format="ndjson")
    expect(link).to_have_text("Save 1 row as NDJSON")
    with visit.page.expect_download() as saved:
        link.click()
    assert saved.value.suggested_filename == "export.ndjson"
    assert saved.value.path().read_text() == '{"id":1,"name":"item 1","stock":7919}\n'
    export.fill(rows=0)
    expect(link).to_have_text("Save the rows as NDJSON")
    link.click()
    expect(export.find("[name=rows]")).to_be_focused()


def test_an_export_can_be_stopped(visit: Browsing, demo: Demo) -> None:
    export = visit.panel("export")
    export.fill(rows=100_000_000, format="csv")
    export.start()
    export.says("Receiving rows …")
    export.shows(re.compile("item 3"))
    export.stop()
    export.says(re.compile("^Stopped by you"))
    target = "/api/export?rows=100000000&format=csv"
    assert block_until(lambda: demo.ended(target)) == ["client_gone"]


def test_an_upload_shows_its_progress(visit: Browsing) -> None:
    upload = visit.panel("upload")
    file = {"name": "x.bin", "mimeType": "application/octet-stream", "buffer": CONTENT}
    upload.find("[type=file]").set_input_files(file)
    upload.start()
    upload.says(re.compile(r"^Done: 3\.0 MiB in "))
    upload.shows(f"3.0 MiB received, SHA-256 {hashlib.sha256(CONTENT).hexdigest()}")
    assert upload.find("progress").evaluate("bar => bar.value") == len(CONTENT)


def test_an_upload_without_a_file_sends_what_it_makes_up(visit: Browsing) -> None:
    upload = visit.panel("upload")
    upload.start()
    upload.says(re.compile(r"^Done: 32\.0 MiB in "))
