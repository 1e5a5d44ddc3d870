"""Chromium's EventSource reads a compressed feed, is cut, and resumes without a loss."""

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from support.browsing import profile
from support.demo import Demo
from support.process import start_server

CODINGS = ("gzip", "zstd")
FOLLOW = """(client) => {
  Object.assign(window, { received: [], opened: 0, lost: 0 })
  window.source = new EventSource(`/api/notifications?client=${client}`)
  source.onopen = () => (opened += 1)
  source.onerror = () => (lost += 1)
  source.onmessage = ({ data, lastEventId }) => received.push([JSON.parse(data).text, lastEventId])
}"""
POST = """async ([url, body]) => {
  const response = await fetch(url, { method: "POST", body: JSON.stringify(body) })
  if (!response.ok) throw new Error(await response.text())
}"""


@pytest.fixture
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """The demo with `--compress`."""
    arguments = ["--compress", "--log-format", "json"]
    server = start_server(tmp_path_factory.mktemp("server"), *arguments)
    yield Demo(server, server.url)
    assert server.stop() == 0, server.output()
    assert "Traceback" not in server.output()


@contextmanager
def followers(browser: Any, demo: Demo) -> Iterator[dict[str, Any]]:
    """A page for each coding, which follows the notifications in it, and in no other."""
    codings: list[str] = []

    def on_response(response: Any) -> None:
        if "?client=" in response.url:
            codings.append(response.headers["content-encoding"])

    with ExitStack() as stack:
        pages: dict[str, Any] = {}
        for coding in CODINGS:
            # The conditions that are waited for are evaluated as text.
            options = {"extra_http_headers": {"Accept-Encoding": coding}, "bypass_csp": True}
            context = stack.enter_context(profile(browser, **options))
            pages[coding] = page = context.new_page()
            page.goto(demo / "page/css/base.css")
            page.on("response", on_response)
            page.evaluate(FOLLOW, coding)
        yield pages
    assert sorted(codings) == ["gzip"] * 2 + ["zstd"] * 2


def test_events_arrive_one_by_one_and_those_after_a_cut_too(browser: Any, demo: Demo) -> None:
    with followers(browser, demo) as pages:

        def wait(condition: str) -> None:
            for page in pages.values():
                page.wait_for_function(condition, polling=5)

        def post(target: str, **members: str) -> None:
            pages["gzip"].evaluate(POST, [f"/api/notifications{target}", members])

        wait("opened === 1")
        for number in range(3):
            post("", text=f"number {number}")
            wait(f"received.length === {number + 1}")
        for coding in CODINGS:
            post("/cut", client=coding)
        wait("lost === 1")
        post("", text="number 3")
        wait("received.length === 4")
        post("", text="number 4")
        wait("received.length === 5 && opened === 2")
        one, two = (page.evaluate("received") for page in pages.values())
    assert one == two
    assert [text for text, _ in one] == [f"number {n}" for n in range(5)]
    assert all(re.fullmatch(r"\d+-\d+", id) for _, id in one)
