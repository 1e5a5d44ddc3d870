"""Tabs that share one connection to the notifications, and what each of them received."""

import contextlib
import http.client
import json
import re
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from support.demo import Demo
from support.waiting import block_until

FEED = "/api/notifications?announce=position"
EACH = 0.005
"""Seconds between two events that are published."""

_OPEN = """async ([url, options]) => {
  const { SharedEventSource } = await import("/page/js/sharedevents.js");
  window.source = new SharedEventSource(url, options);
  window.received = [];
  window.states = [];
  source.onmessage = ({ lastEventId }) => received.push(lastEventId);
  source.onopen = () => states.push(["open", Date.now()]);
  source.onerror = () => states.push(["error", Date.now()]);
}"""


@dataclass(slots=True)
class Tab:
    """A page without content, with a SharedEventSource."""

    page: Any

    def listen(self, url: str = FEED, **options: Any) -> None:
        """Connect, or wait for the lock."""
        self.page.evaluate(_OPEN, [url, options])

    def opened(self) -> "Tab":
        """The tab, once its source is open."""
        self.page.wait_for_function("source.readyState === 1")
        return self

    @property
    def leads(self) -> bool:
        """Whether it has the connection."""
        return bool(self.page.evaluate("source.isLeader"))

    @property
    def received(self) -> list[str]:
        """The ids of its events."""
        return list(self.page.evaluate("received"))

    @property
    def states(self) -> list[str]:
        """Its open and error events."""
        return [name for name, _ in self.page.evaluate("states")]

    def last_opened(self) -> float:
        """When its source opened last, in seconds since 1970."""
        times = [float(at) for name, at in self.page.evaluate("states") if name == "open"]
        return times[-1] / 1000

    def wait_for(self, id: str) -> None:
        """Wait until it has received an event."""
        self.page.wait_for_function("id => received.includes(id)", arg=id)

    def close(self) -> None:
        """Close it."""
        self.page.close()

    def navigate(self) -> None:
        """Go to another page. Chromium reports an error to its EventSources before."""
        self.page.goto("about:blank")

    def crash(self) -> None:
        """Kill its renderer."""
        from playwright.sync_api import Error

        with self.page.expect_event("crash"), contextlib.suppress(Error):
            self.page.goto("chrome://crash")


@contextlib.contextmanager
def tabs(context: Any, origin: str, count: int) -> Iterator[list[Tab]]:
    """Tabs of this origin."""
    pages = [context.new_page() for _ in range(count)]
    try:
        for page in pages:
            page.goto(f"{origin}/health")
        yield [Tab(page) for page in pages]
    finally:
        for page in pages:
            page.close()


def leader(of: list[Tab]) -> Tab:
    """The one tab that has the connection, as soon as there is one."""
    [found] = block_until(lambda: [tab for tab in of if tab.leads])
    return found


def connections(demo: Demo) -> int:
    """How many connections to the notifications the server has. Chromium keeps one that a test
    intercepted for some seconds after its page has closed."""
    text = _ask(demo, "GET", "/metrics").decode()
    found = re.search(r'^streamserver_open_streams\{route="/api/notifications"\} (\S+)', text, re.M)
    return int(float(found[1])) if found else 0


def publish(demo: Demo) -> str:
    """Publish a notification; its id."""
    return str(json.loads(_ask(demo, "POST", "/api/notifications", b'{"text": "x"}'))["id"])


def _ask(demo: Demo, method: str, target: str, body: bytes | None = None) -> bytes:
    connection = http.client.HTTPConnection("127.0.0.1", demo.server.port)
    try:
        connection.request(method, target, body)
        return connection.getresponse().read()
    finally:
        connection.close()


@dataclass(slots=True)
class Publishing:
    """Publishes without a pause, beside the test."""

    demo: Demo
    ids: list[str] = field(default_factory=list)
    is_over: bool = False

    def run(self) -> None:
        while not self.is_over:
            self.ids.append(publish(self.demo))
            time.sleep(EACH)

    def more(self, count: int = 10) -> None:
        """Wait until so many more are published."""
        wanted = len(self.ids) + count
        block_until(lambda: len(self.ids) >= wanted)


@contextlib.contextmanager
def publishing(demo: Demo) -> Iterator[Publishing]:
    """Publish while inside."""
    work = Publishing(demo)
    thread = threading.Thread(target=work.run)
    thread.start()
    try:
        yield work
    finally:
        work.is_over = True
        thread.join()
