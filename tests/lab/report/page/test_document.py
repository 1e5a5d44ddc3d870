"""The page of a run: its sections, its charts, and that it needs nothing else."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest

from streamserver.lab.client.record import Record
from streamserver.lab.report.page.document import page
from support.reported import ABOUT, ANSWERED, CUT, MS, REFUSED, WHOLE, report


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


def test_a_run_over_midnight_shows_both_dates() -> None:
    late = replace(ABOUT, ended="2026-11-23T00:00:07Z")
    text = page(replace(report(WHOLE), about=late))
    assert "2026-11-22 16:51:05 to 2026-11-23 00:00:07 UTC" in text
    without_end = page(replace(report(WHOLE), about=replace(ABOUT, ended="")))
    assert "<dd>2026-11-22 16:51:05 UTC</dd>" in without_end


@pytest.mark.parametrize(
    ("records", "slo", "problems", "kind", "words", "reasons"),
    [
        ([WHOLE], "", (), "none", "No objective was given", "valid; 0.000% of the exchanges"),
        ([WHOLE], "errors=1%", (), "met", "✓ Objectives met: 1 of 1", "The measurement is valid"),
        (
            [WHOLE, CUT], "errors=1%,gap_p50=6ms", (),
            "missed", "✗ Objectives missed: 1 of 2", "errors=1%, measured 50.000%",
        ),
        ([WHOLE], "errors=1%", ("it died",), "missed", "✗ The measurement is not valid", "it died"),
        ([], "", (), "missed", "✗ The measurement is not valid", "no exchange counts"),
    ],
)  # fmt: skip
def test_the_verdict_comes_first(
    records: list[Record], slo: str, problems: tuple[str, ...], kind: str, words: str, reasons: str
) -> None:
    text = page(report(*records, slo=slo, problems=problems))
    found = re.search('<p class="verdict (.*?)"><b>(.*?)</b><br>(.*?)</p>', text)
    assert found
    assert found[1] == kind
    assert re.sub("<.*?>", "", found[2]).startswith(words)
    assert reasons in found[3]
    assert found.start() < text.index("<h2>")


def test_key_figures_have_their_usual_names() -> None:
    tokens = replace(ANSWERED, output_tokens=50, tokens_from="usage", last_token=9 * MS)
    text = page(report(tokens, REFUSED))
    tiles = dict(re.findall("<dt>(.*?)</dt><dd><b>(.*?)</b>", text))
    assert tiles["TTFT, median"] == "5 ms"
    assert tiles["E2E latency, median"] == "9 ms"
    assert tiles["Output tokens per second"] == "25.0"
    assert (tiles["Request throughput"], tiles["Errors"]) == ("0.50/s", "50.00%")
    assert "TTFT, time to first token" in dict(pairs_of(text, "What the figures mean"))
    others = dict(re.findall("<dt>(.*?)</dt><dd><b>(.*?)</b>", page(report(WHOLE))))
    assert [*others][:3] == [
        "First byte, median",
        "Gap between events, median",
        "Last byte, median",
    ]


def test_objectives_and_durations_are_tables() -> None:
    text = page(report(WHOLE, CUT, slo="gap_p50=6ms,errors=1%,first_token_p50=1s"))
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
