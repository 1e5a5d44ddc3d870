"""The chat's answer survives a reload of its page and the loss of its network: the text is whole,
and the model was asked once."""

import json
import re
import signal
from contextlib import closing
from typing import Any
from urllib.request import urlopen

from streamserver.wire.chunked import LAST_CHUNK
from support.browsing import Browsing, profile, visiting
from support.chatting import spoken
from support.demo import Demo
from support.network import Network
from support.process import RunServer
from support.relaying import chunk
from support.upstreams import answering
from support.waiting import block_until

COMPLETIONS = "/v1/chat/completions"
DONE = re.compile(r"^Done: \d\d+ tokens in ")
KEPT = "sessionStorage.getItem('streamserver.chat')"

COUNT = """() => {
  const { fetch } = window;
  Object.assign(window, { attempts: 0, pending: 0 });
  window.fetch = (...given) => {
    attempts += 1;
    pending += 1;
    return fetch(...given).finally(() => (pending -= 1));
  };
}"""


def location(visit: Browsing) -> str:
    """Where the server has the answer."""
    return str(json.loads(visit.page.evaluate(KEPT))["location"])


def test_a_reload_and_a_lost_network_in_mid_answer(context: Any, demo: Demo, model: Demo) -> None:
    asked = len(model.ended(COMPLETIONS))
    with closing(Network(demo.server.port)) as network, visiting(context, network.url) as visit:
        chat = visit.panel("chat")
        chat.fill(prompt="a reload")
        chat.start()
        chat.shows(re.compile("."))
        url = demo.url + location(visit)
        visit.page.reload()
        chat.says("Receiving tokens …")
        assert chat.find("[name=prompt]").input_value() == "a reload"
        context.set_offline(True)
        try:
            network.cut()
            chat.says(re.compile("^Cut: the page resumes"))
        finally:
            context.set_offline(False)
        chat.says(DONE)
        with urlopen(url) as answer:
            assert chat.find("[data-output]").text_content() == spoken(answer.read())
        assert model.ended(COMPLETIONS)[asked:] == ["complete"]
        raw = chat.raw()
        assert len(re.findall(r"GET /api/chat/", raw)) == 2, "since the reload"
        assert "Outcome: client_gone" in raw
        visit.page.reload()
        chat.says("Ready.")
        visit.expect_complaint("net::ERR_")  # that the connection was cut


def test_attempts_are_bounded_and_an_expired_answer_says_so(
    browser: Any, run_server: RunServer
) -> None:
    server = run_server()
    # A clock belongs to a profile.
    with profile(browser) as own, visiting(own, server.url) as visit:
        visit.page.clock.install()
        chat = visit.panel("chat")
        chat.start()
        chat.shows(re.compile("."))
        server.stop(signal.SIGKILL)
        chat.says(re.compile("^Cut: the page resumes"))

        visit.page.evaluate(COUNT)

        def has_ended() -> bool:
            if not visit.page.evaluate("pending"):  # the next attempt waits for the clock
                visit.page.clock.fast_forward(8000)
            return not str(chat.find(".status").text_content()).startswith("Cut")

        block_until(has_ended)
        chat.says("Refused: the server does not answer.")
        assert visit.page.evaluate("attempts") == 10
        run_server("--port", str(server.port))
        chat.section.get_by_role("button", name="Try again").click()
        chat.says("Refused: the answer has expired: the server no longer stores it.")
        assert visit.page.evaluate(KEPT) is None
        chat.start()
        chat.says("Receiving tokens …")
        visit.expect_complaint("ERR_INCOMPLETE_CHUNKED_ENCODING")
        visit.expect_complaint("ERR_CONNECTION_REFUSED")
        visit.expect_complaint("404 (Not Found)")


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
TOKEN = b'data: {"choices":[{"delta":{"content":"half"}}]}\n\n'
ANSWER = b'data: {"choices":[{"delta":{"content":"whole"}}]}\n\ndata: [DONE]\n\n'


def test_a_reload_before_the_head(context: Any, run_server: RunServer) -> None:
    """The request is repeated with its key. The upstream accepts one connection only."""
    with answering(b"") as (upstream, send):
        server = run_server("--upstream", f"{upstream}/v1")
        with visiting(context, server.url) as visit:
            chat = visit.panel("chat")
            with visit.page.expect_request("**/api/chat?*"):
                chat.start()
            with visit.page.expect_request("**/api/chat?*"):
                visit.page.reload()
            send(HEAD + chunk(ANSWER) + LAST_CHUNK)
            chat.says(re.compile("^Done: 1 token in"))
            chat.shows("whole")


def test_stop_before_the_head_deletes_the_answer_too(context: Any, run_server: RunServer) -> None:
    with answering(b"") as (upstream, send):
        server = run_server("--upstream", f"{upstream}/v1")
        with visiting(context, server.url) as visit:
            chat = visit.panel("chat")
            with visit.page.expect_request("**/api/chat?*"):
                chat.start()
            with visit.page.expect_request("**/api/chat"):
                chat.stop()
            chat.says("Stopped by you.")
            with visit.page.expect_response(lambda got: got.request.method == "DELETE") as deleted:
                send(HEAD + chunk(TOKEN))
            assert deleted.value.status == 204
            assert visit.page.evaluate(KEPT) is None


BLOCKED = """Object.defineProperty(window, "sessionStorage", {
  get() { throw new DOMException("blocked", "SecurityError"); },
})"""


def test_where_storage_is_blocked_the_page_works(context: Any, demo: Demo) -> None:
    page = context.new_page()
    page.add_init_script(BLOCKED)
    page.goto(demo.url)
    with closing(page):
        chat = Browsing(page).panel("chat")
        chat.start()
        chat.says("Receiving tokens …")
        chat.stop()
        chat.says(re.compile("^Stopped by you"))
        job = Browsing(page).panel("job")
        job.start()
        job.says("The job is running \N{HORIZONTAL ELLIPSIS}")
        job.stop()
        job.says("The job was cancelled.")
