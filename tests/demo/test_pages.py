"""The page as it is sent: its headers, its parts, the commands and the code that it shows."""

import asyncio
import html
import inspect
import re
import ssl
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest

from streamserver.demo import pages
from streamserver.demo.app import make_app
from streamserver.demo.source import command, marked
from streamserver.wire.forwarded import TrustedPeers
from support.asking import ask
from support.certificates import Certificate
from support.inprocess import Serve, Served
from support.requests import get

POLICY = {
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "connect-src 'self'",
    "img-src 'self' data:",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
}
PARTS = sorted(path for path in pages.PAGE.rglob("*.*") if path.suffix != ".html")


class Links(HTMLParser):
    """What a page points to, what is inline in it though it may not be, and its ids."""

    def __init__(self) -> None:
        super().__init__()
        self.targets: set[str] = set()
        self.inline: list[str] = []
        self.ids: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        fields = dict(attrs)
        self.targets |= {value or "" for name, value in attrs if name in ("href", "src")}
        self.inline += [name for name in fields if name.startswith("on") or name == "style"]
        self.inline += [tag] if tag == "style" or (tag == "script" and "src" not in fields) else []
        self.ids += [fields["id"] or ""] if "id" in fields else []


def plain(markup: str) -> str:
    """The text of HTML."""
    return html.unescape(re.sub(r"<[^>]*>", "", markup))


def commands(page: str) -> list[str]:
    """The commands that the page shows."""
    return [text for code in codes(page, "Command") if (text := plain(code)).startswith("curl ")]


def codes(page: str, label: str) -> list[str]:
    """The blocks of code whose labels begin so, as HTML."""
    return re.findall(rf'<pre role="group" tabindex="0" aria-label="{label}.*?</pre>', page, re.S)


async def shown(server: Served, **fields: str) -> str:
    answer = await ask(server, "/", fields=fields)
    assert answer.status == 200
    return answer.body.decode()


async def test_the_page_points_to_what_is_there_and_has_nothing_inline(server: Served) -> None:
    links = Links()
    links.feed(await shown(server))
    assert links.inline == []
    assert len(links.ids) == len(set(links.ids))
    for target in links.targets:
        if target.startswith("#"):
            assert target[1:] in links.ids
        else:
            assert (await ask(server, target)).status == 200, target
            assert target.startswith("/"), "no other host"


@pytest.mark.parametrize("target", ["/", "/page/js/main.js", "/page/css/base.css"])
async def test_nothing_else_may_run_and_no_cache_may_keep_it(server: Served, target: str) -> None:
    headers = (await ask(server, target)).headers
    assert set(headers["content-security-policy"].split("; ")) == POLICY
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == "no-cache"


TYPES = {".js": "javascript", ".css": "text/css", ".svg": "image/svg+xml"}


@pytest.mark.parametrize("path", PARTS, ids=lambda path: path.name)
async def test_a_part_of_the_page(server: Served, path: Path) -> None:
    target = f"/page/{path.relative_to(pages.PAGE)}"
    answer = await ask(server, target)
    assert answer.body == path.read_bytes()
    assert TYPES[path.suffix] in answer.headers["content-type"]
    fields = {"If-None-Match": answer.headers["etag"]}
    assert (await ask(server, target, fields=fields)).status == 304


@pytest.mark.parametrize("name", ["nothing.js", "../pages.py", "%2e%2e/pages.py", "js"])
async def test_nothing_but_the_page_is_served(server: Served, name: str) -> None:
    assert (await ask(server, f"/page/{name}")).status == 404


@pytest.mark.parametrize("path", PARTS, ids=lambda path: path.name)
def test_parts_are_short_and_make_no_markup_of_data(path: Path) -> None:
    text = path.read_text("utf-8")
    assert len(text.splitlines()) < 300
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", text)
    assert not re.search(r"https?://(?!www\.w3\.org/)", text), "another host"


def test_every_part_is_installed() -> None:
    setup = (pages.PAGE.parents[2] / "setup.cfg").read_text("utf-8")
    patterns = re.findall(r"^    (page/\S*)$", setup, re.M)
    found = {path for pattern in patterns for path in pages.PAGE.parent.glob(pattern)}
    assert {*PARTS, pages.PAGE / "index.html"} <= found


async def test_the_page_repeats_no_markup_of_the_client(server: Served) -> None:
    """Host may hold an ampersand and an apostrophe (RFC 3986, section 3.2.2), and no more."""
    page = await shown(server, Host="a'b&lt;c")
    assert "a'b" not in page
    assert "a&#x27;b&amp;lt;c/" in page


# The commands


async def test_the_commands_of_the_page_work(
    server: Served, peer: Callable[[str], str], tmp_path: Path
) -> None:
    found = commands(await shown(server, Host=f"{server.host}:{server.port}"))
    assert len(found) == 10
    (tmp_path / "sample.bin").write_bytes(b"sample")
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "sample.bin").write_bytes(b"sam")
    environment = {"PATH": str(Path(peer("curl")).parent), "LANG": "C.UTF-8"}

    async def status(text: str) -> int:
        quick = text.replace("interval=0.5", "interval=0").replace("1000000", "1000")
        process = await asyncio.create_subprocess_shell(
            f"{quick} -sS --fail --noproxy '*' {'--max-time 0.5' if is_endless(text) else ''}",
            cwd=tmp_path / "here",
            env=environment,
            stderr=asyncio.subprocess.DEVNULL,
        )
        return await process.wait()

    def is_endless(text: str) -> bool:
        return "/api/notifications?" in text

    statuses = await asyncio.gather(*map(status, found))
    assert statuses == [28 if is_endless(text) else 0 for text in found]
    assert (tmp_path / "here" / "sample.bin").read_bytes() == b"sample"


async def test_over_tls_the_commands_say_so(serve: Serve, certificate: Certificate) -> None:
    secure = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    secure.load_cert_chain(*certificate)
    server = await serve(make_app(), tls=secure)
    trusting = ssl.create_default_context(cafile=certificate.cert)
    reader, writer = await asyncio.open_connection(server.host, server.port, ssl=trusting)
    writer.write(get(b"/", b"Connection: close"))
    page = (await reader.read()).decode()
    writer.close()
    await writer.wait_closed()
    assert len(commands(page)) == 10
    assert all("https://a/" in command for command in commands(page))


async def test_behind_a_trusted_proxy_the_commands_have_its_origin(serve: Serve) -> None:
    server = await serve(make_app(), trusted=TrustedPeers("127.0.0.1"))
    fields = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "demo.example"}
    page = await shown(server, **fields)
    assert all("https://demo.example/" in command for command in commands(page))


@pytest.mark.parametrize("each_alone", [False, True])
async def test_the_page_says_where_each_worker_is_alone(serve: Serve, each_alone: bool) -> None:
    page = await shown(await serve(make_app(each_alone=each_alone)))
    assert ("has its own feeds" in page) is ("has its own jobs" in page) is each_alone
    assert "{alone" not in page


# The code


async def test_it_is_short_enough_to_be_read_beside_its_panel(server: Served) -> None:
    found = codes(await shown(server), "(?:Server|Browser) code")
    assert len(found) == len(pages.BEHIND) + 2
    lengths = [len(re.findall(r'<span class="line ', code)) for code in found]
    assert all(3 <= length <= 15 for length in lengths), lengths


async def test_the_browsers_code_is_taken_from_what_runs_too(server: Served) -> None:
    posting, crowded = map(plain, codes(await shown(server), "Browser code"))
    assert 'method: "POST"' in posting
    assert posting in pages.PITFALLS.read_text("utf-8")
    assert "new EventSource(" in crowded
    assert "new SharedEventSource(" in crowded
    assert crowded in pages.CROWDED.read_text("utf-8")


async def test_the_code_beside_a_panel_is_what_runs(server: Served) -> None:
    page = await shown(server)
    text = plain(page)
    for name, functions in pages.BEHIND.items():
        assert f"{{source {name}}}" not in page
        for function in functions:
            assert inspect.cleandoc("x\n" + inspect.getsource(function))[2:] in text


@pytest.mark.parametrize(
    "source",
    [
        'def f(a):\n    """Text, <b>."""\n    return f"{a!r:>{8}} {{}}" + b"\\n"  # why & how\n',
        "x = '''two\nlines'''\n\n\nclass é(str): pass",
    ],
)
def test_marked_code_is_the_same_code(source: str) -> None:
    assert plain(marked(source)) == source


def test_marked_code_tells_tokens_apart() -> None:
    received = re.findall(r'<span class="(\w+)">([^<]+)</span>', marked("return 'a'  # b"))
    assert received == [("keyword", "return"), ("string", "&#x27;a&#x27;"), ("comment", "# b")]


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("a\n", ['<span class="line in0">a\n</span>']),
        ("(\n  a)", ['<span class="line in0">(\n</span>', '<span class="line in2">  a)</span>']),
        ("", []),
    ],
)
def test_each_line_is_an_element_with_its_indentation(text: str, lines: list[str]) -> None:
    for markup in (command(text), f"<code>{marked(text)}</code>"):
        assert f"<code>{''.join(lines)}</code>" in markup


async def test_the_style_sheet_has_each_indentation(server: Served) -> None:
    page, sheet = await shown(server), (pages.PAGE / "css" / "code.css").read_text("utf-8")
    for indentation in set(re.findall(r'class="line in(\d+)"', page)) - {"0"}:
        assert f".in{indentation} {{\n  --in: {indentation}ch;\n}}" in sheet


@pytest.mark.parametrize(
    ("text", "breaks"),
    [
        ("COUNT.of(request.query)", "COUNT|.of(|request|.query)"),
        ("a[b] + 0.5", "a[|b] + 0.5"),
        ("{origin}/api/jobs", "{origin}/|api/|jobs"),
        ("--limit-rate 8M", "<--limit-rate> 8M"),
        ("Cache-Control: no-cache", "<Cache-Control>: <no-cache>"),
        ("files/sample.bin \\\n", "files/|<sample.bin \\>\n"),
        ("n - 1 // 2", "n - 1 // 2"),
    ],
)
def test_where_a_line_may_break(text: str, breaks: str) -> None:
    markup = command(text).replace("<wbr>", "|")
    found = re.sub(r'<span class="word">(.*?)</span>', "<\\1>", markup, flags=re.DOTALL)
    assert f'<span class="line in0">{breaks}</span>' in found
