"""The page of several workers: with a Redis they are as one, and without one the page says so."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import expect

from support.browsing import Browsing, visiting
from support.process import start_server
from support.redis import redis_server

ALONE = re.compile("several workers, and each has its own")


@contextmanager
def workers(context: Any, directory: Path, count: int, *args: str) -> Iterator[Browsing]:
    """The page, as several workers serve it; they must stop without complaint."""
    server = start_server(directory, "--workers", str(count), "--no-access-log", *args)
    try:
        with visiting(context, server.url) as visit:
            yield visit
    finally:
        status = server.stop()
    assert status == 0, server.output()


def test_they_share_what_is_in_redis(context: Any, tmp_path: Path) -> None:
    with (
        redis_server(tmp_path) as redis,
        workers(context, tmp_path, 3, "--redis", redis.url) as visit,
    ):
        expect(visit.page.get_by_text(ALONE)).to_have_count(0)
        listening = visit.panel("notifications")
        listening.start()
        listening.says("Listening …")
        # Which event is the newest is asked of Redis after the head was sent. Then it is heard
        # of whichever worker each publishing reaches.
        visit.page.evaluate("""async () => {
          const publish = async (text) => {
            await fetch("/api/notifications", { method: "POST", body: JSON.stringify({ text }) });
          };
          while (!document.querySelector("#notifications .feed li")) await publish("there?");
          for (let n = 1; n <= 8; n++) await publish(`number ${n}`);
        }""")
        told = [f"infonumber {n}" for n in range(1, 9)]
        rows = listening.find(".feed li").filter(has_not_text="there?")
        expect(rows).to_have_text(told)
        listening.section.get_by_role("button", name="Cut, publish 3").click()
        away = [f"infoWhile disconnected: {n} of 3 replayed" for n in (1, 2, 3)]
        expect(rows).to_have_text([*told, *away])
        assert "Outcome: truncated" in listening.raw()
        job = visit.panel("job")
        job.fill(steps=5, interval=0.02)
        job.start()
        job.says("Done: 5 steps.")
        with visiting(context, visit.page.url) as other:
            following = other.panel("notifications")
            following.start()
            following.says("Listening over the connection of another tab …")
            visit.page.bring_to_front()
            listening.stop()
            following.says("Listening …")
            other.page.bring_to_front()
            following.section.get_by_role("button", name="Publish", exact=True).click()
            expect(following.find(".feed li")).to_have_text("infoThe build has passed")
        visit.expect_complaint("ERR_INCOMPLETE_CHUNKED_ENCODING")


def test_without_one_the_page_says_that_each_is_alone(context: Any, tmp_path: Path) -> None:
    with workers(context, tmp_path, 2) as visit:
        for name, what in (("notifications", "feeds"), ("job", "jobs")):
            expect(visit.panel(name).section.get_by_text(ALONE)).to_contain_text(
                f"each has its own {what}"
            )


def test_one_alone_says_nothing_of_the_kind(visit: Browsing) -> None:
    expect(visit.page.get_by_text(ALONE)).to_have_count(0)
