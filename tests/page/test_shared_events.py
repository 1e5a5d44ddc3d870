"""SharedEventSource in real tabs: one connection for all, and each tab has each event once."""

import json
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from page.conftest import ARGS
from page.tabs import FEED, Tab, connections, leader, publish, publishing, tabs
from support import peers
from support.browsing import profile
from support.demo import Demo
from support.waiting import block_until

SOON = 1.0
"""Seconds until there is a new leader."""


@pytest.fixture(scope="module")
def opened_once(context: Any, demo: Demo) -> Iterator[list[Tab]]:
    with tabs(context, demo.url, 3) as some:
        yield some


@pytest.fixture
def three(opened_once: list[Tab], demo: Demo) -> Iterator[list[Tab]]:
    yield opened_once
    for tab in opened_once:
        tab.page.unroute_all()
        tab.page.goto(f"{demo.url}/health")


def requests(demo: Demo) -> list[str]:
    """The position in each request for the shared connection, of those that have ended."""
    targets = [urlsplit(each) for each in demo.targets("/api/notifications") if "?" in each]
    return [parse_qs(target.query).get("last-event-id", [""])[0] for target in targets]


def ended(demo: Demo, before: int, count: int) -> list[str]:
    """These requests, without those before; empty unless there are so many."""
    some = requests(demo)[before:]
    return some if len(some) >= count else []


def test_ten_tabs_have_one_connection_and_survive_their_leaders(context: Any, demo: Demo) -> None:
    before = len(requests(demo))
    with tabs(context, demo.url, 10) as ten:
        for tab in ten:
            tab.listen()
        for tab in ten:
            tab.opened()
        block_until(lambda: connections(demo) == 1)
        with publishing(demo) as published:
            for leave in (Tab.close, Tab.crash, Tab.navigate):
                published.more()
                left, start = leader(ten), time.time()
                leave(left)
                ten.remove(left)
                leads = leader(ten)
                leads.page.wait_for_function("states.at(-1)[0] === 'open'")
                assert 0 < leads.last_opened() - start < SOON
            published.more()
        for tab in ten:
            tab.wait_for(published.ids[-1])
            assert tab.received == published.ids
            assert tab.states == ["open", *["error", "open"] * 3]
        assert connections(demo) == 1
        first, *resumed = block_until(lambda: ended(demo, before, 3))
        assert first == ""
        assert len(resumed) == 2, "there was no other connection"
        assert set(resumed) <= set(published.ids)


def test_a_late_tab_begins_where_the_leader_is(three: list[Tab], demo: Demo) -> None:
    first, second, late = three
    for tab in (first, second):
        tab.listen()
        tab.opened()
    missed = [publish(demo) for _ in range(3)]
    second.wait_for(missed[-1])
    late.listen()
    late.opened()
    first.navigate()
    new = publish(demo)
    late.wait_for(new)
    assert late.received == [new]


def test_a_tab_reads_what_it_lacks_and_then_follows(three: list[Tab], demo: Demo) -> None:
    first, _, late = three
    first.listen()
    first.opened()
    ids = [publish(demo) for _ in range(3)]
    first.wait_for(ids[-1])
    late.listen(lastEventId=ids[0])
    late.wait_for(ids[-1])
    block_until(lambda: ids[0] in requests(demo))  # the connection that it read them over has ended
    ids.append(publish(demo))
    late.wait_for(ids[-1])
    assert late.received == ids[1:]


POST = """async ([url, after, id]) => {
  const channel = new BroadcastChannel(`SharedEventSource false ${new URL(url, location)}`);
  channel.postMessage({ kind: "event", type: "message", data: "", after, id });
}"""


def test_what_a_former_leader_sent_late_does_no_harm(three: list[Tab], demo: Demo) -> None:
    """An event that a tab has is dropped, and one behind a hole is read from the server."""
    first, second, former = three
    for tab in (first, second):
        tab.listen()
        tab.opened()
    ids = [publish(demo) for _ in range(3)]
    second.wait_for(ids[-1])
    former.page.evaluate(POST, [FEED, ids[0], ids[1]])
    with second.page.expect_request(lambda request: ids[-1] in request.url):
        former.page.evaluate(POST, [FEED, "1-1", "1-2"])
    ids.append(publish(demo))
    for tab in (first, second):
        tab.wait_for(ids[-1])
        assert tab.received == ids


def test_a_refusal_ends_all(three: list[Tab]) -> None:
    """Each makes an attempt of its own, as soon as it is the leader."""
    for tab in three:
        tab.listen("/api/notifications?start=never")
    for tab in three:
        tab.page.wait_for_function("source.readyState === 2")
        assert tab.states == ["error"]
        assert not tab.leads


def test_without_web_locks_each_has_a_connection(context: Any, demo: Demo) -> None:
    """As in a page that is not in a secure context."""
    with tabs(context, f"http://a:{demo.server.port}", 2) as both:
        for tab in both:
            assert not tab.page.evaluate("isSecureContext")
            tab.listen()
        assert [tab.opened().leads for tab in both] == [True, True]
        # An EventSource has its constants on the instance too.
        states = "[source.CONNECTING, source.OPEN, source.CLOSED]"
        assert both[0].page.evaluate(states) == [0, 1, 2]
        block_until(lambda: connections(demo) == 2)
        id = publish(demo)
        for tab in both:
            tab.wait_for(id)


WAS_KEPT = "addEventListener('pageshow', ({ persisted }) => (window.wasKept = persisted))"


def test_pages_in_the_back_forward_cache_hand_over_and_return(browser: Any, demo: Demo) -> None:
    """The driver turns that cache off, so this browser is another one."""
    with (
        browser.browser_type.launch(
            executable_path=peers.program("chromium"),
            args=ARGS,
            ignore_default_args=["--disable-back-forward-cache"],
        ) as own,
        profile(own) as context,
        tabs(context, demo.url, 3) as [leads, follows, stays],
    ):
        for tab in (leads, follows, stays):
            tab.listen()
            tab.opened()
        for tab in (leads, follows):
            tab.page.evaluate(WAS_KEPT)
            tab.page.goto(f"{demo.url}/ready")
        block_until(lambda: stays.leads)
        stays.opened()
        ids = [publish(demo) for _ in range(3)]
        stays.wait_for(ids[-1])
        for tab in (leads, follows):
            tab.page.go_back(wait_until="commit")
            tab.wait_for(ids[-1])
            assert tab.page.evaluate("wasKept")
        ids.append(publish(demo))
        for tab in (leads, follows, stays):
            tab.wait_for(ids[-1])
            assert tab.received == ids
        assert [tab.leads for tab in (leads, follows, stays)] == [False, False, True]
        block_until(lambda: connections(demo) == 1)


def test_a_frozen_leader_hands_over_and_returns(three: list[Tab], demo: Demo) -> None:
    """Chromium without a window does not freeze pages, so the events of the page are dispatched."""
    first, second, _ = three
    for tab in (first, second):
        tab.listen()
        tab.opened()
    first.page.evaluate("() => { document.dispatchEvent(new Event('freeze')); }")
    block_until(lambda: second.leads)
    assert not first.leads
    second.opened()
    id = publish(demo)
    second.wait_for(id)
    assert first.received == []
    first.page.evaluate("() => { document.dispatchEvent(new Event('resume')); }")
    first.wait_for(id)
    assert [tab.leads for tab in (first, second)] == [False, True]


def test_a_leader_without_an_event_has_a_position_to_hand_over(
    three: list[Tab], demo: Demo
) -> None:
    """So what is published while there is no connection is not lost."""
    first, *others = three
    for tab in three:
        tab.listen()
        tab.opened()
    ids: list[str] = []

    def on_request(route: Any) -> None:
        ids.append(publish(demo))
        route.continue_()

    for tab in others:
        tab.page.route("**/api/notifications?*", on_request)
    first.navigate()
    for tab in others:
        tab.page.wait_for_function("received.length")
        assert tab.received == ids


def test_a_gap_reaches_a_tab_that_listens_to_it(three: list[Tab], demo: Demo) -> None:
    """The leader does not: its EventSource would not report the type."""
    first, second, _ = three
    requests: list[Any] = []
    first.page.route("**/api/notifications?*", lambda route: requests.append(route))
    first.listen(lastEventId="1-0")
    block_until(lambda: first.leads)  # or the second could request the lock before
    second.listen()
    second.page.evaluate("source.addEventListener('gap', ({ data }) => received.push(data))")
    block_until(lambda: first.leads and requests)
    requests[0].continue_()
    second.page.wait_for_function("received.length")
    gap, *events = second.received
    assert json.loads(gap)["after"] == "1-0"
    first.wait_for(events[-1])
    assert first.received == events
