"""The lesson as a whole: what it refuses, and the page that tells what there is."""

import asyncio
import html
import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest

from streamserver.demo import app as demo_app
from streamserver.demo import pages
from support.asking import ask
from support.inprocess import Serve, Served
from support.problems import check_refusal

# What is refused

COUNTS = "a whole number from 1 to 100000"
ROWS = "a whole number from 1 to 100000000"
CPS = "a number from 1 to 1000"


@pytest.mark.parametrize(
    ("target", "name", "allowed"),
    [
        ("/api/counter?count=0", "count", COUNTS),
        ("/api/counter?count=100001", "count", COUNTS),
        ("/api/counter?count=ten", "count", COUNTS),
        ("/api/counter?interval=-1", "interval", "a number from 0 to 60"),
        ("/api/counter?interval=61", "interval", "a number from 0 to 60"),
        ("/api/export?rows=0", "rows", ROWS),
        ("/api/export?rows=100000001", "rows", ROWS),
        ("/api/export?format=xml", "format", "one of csv, ndjson"),
    ],
)
async def test_a_bad_query(server: Served, target: str, name: str, allowed: str) -> None:
    check_refusal(await ask(server, target), name, allowed)


@pytest.mark.parametrize("last", ["-1", "x", "100000"])
async def test_a_bad_last_event_id(server: Served, last: str) -> None:
    answer = await ask(server, "/api/counter", fields={"Last-Event-ID": last})
    check_refusal(answer, "Last-Event-ID", "a whole number from 0 to 99999")


@pytest.mark.parametrize(
    ("body", "name", "allowed"),
    [
        ({}, "text", "a text of 1 to 10000 characters"),
        ({"text": ""}, "text", "a text of 1 to 10000 characters"),
        ({"text": "x" * 10_001}, "text", "a text of 1 to 10000 characters"),
        ({"text": "\ud800"}, "text", "a text of 1 to 10000 characters"),
        ({"text": 7}, "text", "a text of 1 to 10000 characters"),
        ({"text": "x", "cps": 0.5}, "cps", CPS),
        ({"text": "x", "cps": 1001}, "cps", CPS),
        ({"text": "x", "cps": "40"}, "cps", CPS),
    ],
)
async def test_a_bad_body(server: Served, body: object, name: str, allowed: str) -> None:
    answer = await ask(server, "/api/type", "POST", body=json.dumps(body).encode())
    check_refusal(answer, name, allowed)


# The page


class Links(HTMLParser):
    """What a page points to, and what would need script."""

    def __init__(self) -> None:
        super().__init__()
        self.targets: list[str] = []
        self.scripts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.targets += [value or "" for name, value in attrs if name in ("href", "src")]
        self.scripts += [name for name, _ in attrs if name.startswith("on") or name == "style"]
        self.scripts += [tag] if tag in ("script", "style") else []


async def test_the_page_lists_every_endpoint(server: Served) -> None:
    answer = await ask(server, "/")
    page = answer.body.decode()
    links = Links()
    links.feed(page)
    assert links.scripts == []
    for target in set(links.targets) - {"data:,", "/api/counter"}:
        assert (await ask(server, target)).status == 200, target
    shown = html.unescape(page)
    for target in ("/api/counter", "/api/type", "/api/export", "/files/", "/api/upload"):
        assert f"test{target}" in shown
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_the_style_sheet(server: Served) -> None:
    answer = await ask(server, "/style.css")
    assert answer.headers["content-type"] == "text/css; charset=utf-8"
    assert answer.body == (pages.PAGE / "style.css").read_bytes()


async def test_the_page_repeats_no_markup_of_the_client(server: Served) -> None:
    """Host may hold an ampersand and an apostrophe (RFC 3986, section 3.2.2), and no more."""
    page = (await ask(server, "/", fields={"Host": "a'b&lt;c"})).body
    assert b"a'b" not in page
    assert b"a&#x27;b&amp;lt;c/api/type" in page


async def test_the_commands_of_the_page_work(
    server: Served, peer: Callable[[str], str], tmp_path: Path
) -> None:
    host = f"{server.host}:{server.port}"
    page = (await ask(server, "/", fields={"Host": host})).body.decode()
    commands = [html.unescape(one) for one in re.findall(r"<code>(curl [^<]*)</code>", page)]
    assert len(commands) == 7
    (tmp_path / "sample.bin").write_bytes(b"sample")
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "sample.bin").write_bytes(b"sam")
    environment = {"PATH": str(Path(peer("curl")).parent), "LANG": "C.UTF-8"}
    for command in commands:
        quick = command.replace("interval=0.5", "interval=0").replace("1000000", "1000")
        process = await asyncio.create_subprocess_shell(
            f"{quick} -sS --fail --noproxy '*'", cwd=tmp_path / "here", env=environment
        )
        assert await process.wait() == 0, quick
    assert (tmp_path / "here" / "sample.bin").read_bytes() == b"sample"


# As it is served by default


async def test_the_default_app_is_the_lesson(serve: Serve) -> None:
    answer = await ask(await serve(demo_app.app), "*", "OPTIONS")
    assert answer.headers["allow"] == "DELETE, GET, HEAD, OPTIONS, POST, PUT"
