"""The page of a run: its sections, its charts, and that it needs nothing else."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from xml.etree import ElementTree

from streamserver.lab.report.page.document import page
from support.reported import ABOUT, CUT, REFUSED, WHOLE, report


def headings(text: str) -> list[str]:
    return re.findall("<h2>(.*?)</h2>", text)


def pairs_of(text: str, heading: str) -> list[tuple[str, str]]:
    """The names and values below a heading."""
    below = text.partition(f"<h2>{heading}</h2>")[2].partition("</section>")[0]
    return re.findall("<dt>(.*?)</dt><dd>(.*?)</dd>", below)


def test_a_reader_learns_what_was_asked_of_whom_when_and_with_which_version() -> None:
    served = replace(WHOLE, server="nginx/1.2 <b>")
    made = replace(report(served, WHOLE), about=ABOUT)
    made.summary.address = "192.0.2.1:80"
    text = page(made)
    assert pairs_of(text, "What was measured") == [
        ("request", "GET http://x/?a&amp;b"),
        ("load", "closed loop: 3 concurrent exchanges"),
        ("when", "2026-11-22 16:51:05 to 16:52:06 UTC"),
        ("server", "192.0.2.1:80, nginx/1.2 &lt;b&gt;"),
        ("version", "streamserver 1.2.3"),
        ("machine", "Linux x86_64, 2 cores"),
        ("command", "streamserver bench &#x27;http://x/?a&amp;b&#x27; --slo errors=1%"),
    ]
    assert pairs_of(text, "Options")[:1] == [("slo", "errors=1%")]
    assert "<summary>Options by default</summary>" in text
    assert pairs_of(text, "Options")[1:] == [("seed", "0")]


def test_objectives_and_durations_are_tables() -> None:
    text = page(report(WHOLE, CUT, slo="gap_p50=6ms,errors=1%,first_token_p50=1s"))
    assert text.index('<p class="verdict missed">') < text.index("<h2>"), "the verdict is first"
    tables = dict(re.findall('aria-label="(.*?)" tabindex="0"><table (.*?)</table>', text))
    rows = re.findall(r"<tr><th scope=.row.>(.*?)</th>(.*?)</tr>", tables["Objectives"])
    cells = {name: re.findall("<td class=.(.*?).>(.*?)</td>", row) for name, row in rows}
    assert cells["gap_p50=6ms"][1] == ("met", "met")
    assert cells["errors=1%"] == [("cell", "50.000%"), ("failed", "missed")]
    assert cells["first_token_p50=1s"] == [
        ("cell", "-"), ("failed", "nothing of the kind was measured")
    ]  # fmt: skip
    durations = tables["All durations, in milliseconds"]
    assert re.findall("<th scope=.col.>(.*?)</th>", durations) == [
        "ms", "count", "p50", "p90", "p99", "p99.9", "max",
    ]  # fmt: skip
    assert '<th scope="row">first event</th><td class="cell">1</td>' in durations
    slowest = tables["The slowest exchanges"]
    assert re.search(r'row">1</th>.*<td class="cell">200</td>.*complete', slowest)
    assert "it ended" in slowest


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def test_the_page_has_no_external_resources_and_its_drawings_are_xml() -> None:
    text = page(report(WHOLE, CUT, REFUSED, slo="errors=1%"))
    parser = _Tags()
    parser.feed(text)
    assert not {"script", "link", "img"} & {tag for tag, _ in parser.tags}
    assert not [attributes for _, attributes in parser.tags if {"src", "href"} & attributes.keys()]
    assert "url(" not in text
    assert "@import" not in text
    drawings = re.findall(r"<svg viewBox=.\S+ \S+ \d{3}.*?</svg>", text, re.DOTALL)
    labels = [ElementTree.fromstring(one).attrib["aria-label"] for one in drawings]
    figures = re.findall(r"<figure><p class=.key.><span><(?:i|svg)", text)  # each has a legend
    assert labels[::2] == labels[1::2]  # each is drawn for a wide and for a narrow screen
    assert len(labels) == 2 * len(figures) == 2 * 10
    assert "<h1>&lt;b&gt;&amp;amp;</h1>" in text
    assert headings(text)[-6:-3] == [
        "Distribution: first byte",
        "Distribution: gap",
        "Distribution: E2E latency",
    ]


def test_a_report_without_exchanges_has_a_page() -> None:
    text = page(report())
    assert "<dt>exchanges</dt><dd>none</dd>" in text
    assert "<figure" not in text


def test_the_query_is_in_the_facts_and_not_in_the_heading() -> None:
    long = replace(report(WHOLE), title="GET http://x/a?b=c")
    assert "<h1>GET http://x/a</h1>" in page(long)
