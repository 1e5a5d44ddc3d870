"""The page of a comparison: its verdict, its sections and its chart."""

import re
from dataclasses import replace
from xml.etree import ElementTree

import pytest

from streamserver.lab.client.record import Record
from streamserver.lab.compare.chart import added_chart
from streamserver.lab.compare.intervals import Interval
from streamserver.lab.compare.page import page
from streamserver.lab.report.charts import shape
from support.comparing import MS, compared, exchange, report_of

NAMES = ("a:1", "b:<2>")
TWO = (exchange(1, 5), exchange(1, 7))
THREE = (exchange(1, 5), exchange(1, 6), exchange(1, 2))
GONE = Record(planned=MS, end="unconnected", detail="no <way>")


def below(text: str, heading: str) -> str:
    return text.partition(f"<h2>{heading}</h2>")[2].partition("</section>")[0]


def pairs_of(text: str, heading: str) -> list[tuple[str, str]]:
    return re.findall("<dt>(.*?)</dt><dd>(.*?)</dd>", below(text, heading))


def verdict_of(text: str) -> tuple[str, str, str]:
    found = re.search('<p class="verdict (.*?)"><b>(.*?)</b><br>(.*?)</p>', text)
    assert found
    kind, words, reasons = found.groups()
    return kind, re.sub("<span.*?</span>", "", words), re.sub("<.*?>", "", reasons)


@pytest.mark.parametrize(
    ("rounds", "slo", "kind", "words", "reasons"),
    [
        ([TWO], "", "none", "through adds 2 ms to the first byte and 2 ms to the last byte",
         "The measurement is valid; no objective was given."),
        ([TWO, TWO[::-1]], "", "none", "through adds no significant time to the first byte and no"
         " significant time to the last byte", "The measurement is valid; no objective was given."),
        ([TWO[::-1]], "", "none", "through adds -2 ms to the first byte and -2 ms to the last byte",
         "The measurement is valid; no objective was given."),
        ([TWO], "head_p50=2ms", "met", "Objectives met: 1 of 1 objectives met",
         "The measurement is valid; through adds 2 ms to the first byte and 2 ms to the last"
         " byte."),
        ([TWO], "head_p50=1ms,errors=1%", "missed", "Objectives missed: 1 of 2 objectives met",
         "head_p50=1ms, measured 2.000ms; through adds 2 ms to the first byte and 2 ms to the last"
         " byte."),
        ([TWO], "ttft_p50=1ms", "missed", "The measurement is not valid",
         "ttft_p50=1ms: nothing of the kind was measured."),
        ([(TWO[0], GONE)], "", "missed", "The measurement is not valid",
         "no pair ended well on both sides; through: no exchange received a response: unconnected 1"
         " (unconnected: no &lt;way&gt;)."),
        ([(Record(1, end="complete"),) * 2], "", "none", "no response has a body",
         "The measurement is valid; no objective was given."),
    ],
)  # fmt: skip
def test_the_verdict_says_which_url_adds_what(
    rounds: list[tuple[Record, ...]], slo: str, kind: str, words: str, reasons: str
) -> None:
    assert verdict_of(page(report_of(compared(*rounds), slo))) == (kind, words, reasons)


def test_models_answers_are_judged_by_their_first_token_and_their_end() -> None:
    answers = [
        replace(one, output_tokens=3, tokens_from="usage", first_token=one.first_event)
        for one in TWO
    ]
    text = page(report_of(compared((answers[0], answers[1]))))
    assert verdict_of(text)[1] == "through adds 2 ms to the TTFT and 2 ms to the E2E latency"
    tiles = re.findall("<dt>(.*?)</dt><dd><b>(.*?)</b>(.*?)</dd>", text)
    assert tiles == [
        ("TTFT, added by through", "+2 ms", "2 ms to 2 ms"),
        ("E2E latency, added by through", "+2 ms", "2 ms to 2 ms"),
    ]
    assert "<dt>TTFT, time to first token</dt>" in text


def test_a_reader_learns_what_was_asked_of_whom_and_when() -> None:
    comparison = compared(THREE, names=NAMES)
    comparison.sides[1].summary.address = "192.0.2.1:80"
    text = page(report_of(comparison))
    assert pairs_of(text, "What was measured") == [
        ("direct", "GET http://direct/x?y"),
        ("a:1", "GET http://a:1/x?y"),
        ("b:&lt;2&gt;", "GET http://b:&lt;2&gt;/x?y"),
        ("request", "GET http://x/?a&amp;b"),
        ("load", "closed loop: 3 concurrent exchanges"),
        ("when", "2026-11-22 16:51:05 to 16:52:06 UTC"),
        ("server, a:1", "192.0.2.1:80"),
        ("version", "streamserver 1.2.3"),
        ("machine", "Linux x86_64, 2 cores"),
        ("command", "streamserver bench &#x27;http://x/?a&amp;b&#x27; --slo errors=1%"),
    ]
    assert "<h1>GET http://direct/x compared with 2 other URLs</h1>" in text
    assert pairs_of(text, "Options")[0] == ("slo", "errors=1%")
    assert "<h1>GET http://direct/x compared with http://through/x</h1>" in page(
        report_of(compared(TWO))
    )


def test_each_url_has_a_table_and_each_side_its_ends() -> None:
    text = page(report_of(compared(THREE, (*THREE[:2], GONE), names=NAMES), "head_max=1ms"))
    rows = re.findall(r'<th scope="row">(.*?)</th>(.*?)</tr>', below(text, "Added by a:1, ms"))
    cells = {name: re.findall("<td.*?>(.*?)</td>", row) for name, row in rows}
    assert cells["head"] == ["5.001", "6.001", "+1.000", "+1.000 to +1.000", "significant"]
    assert pairs_of(text, "Added by b:&lt;2&gt;, ms") == [
        ("pairs", "2, of which 1 ended well on both sides"),
        ("bodies", "the same bytes in 1 of 1"),
    ]
    assert pairs_of(text, "Exchanges") == [
        ("direct", "complete 2"),
        ("a:1", "complete 2"),
        ("b:&lt;2&gt;", "complete 1, unconnected 1"),
        ("b:&lt;2&gt;, reason", "1 x unconnected: no &lt;way&gt;"),
    ]
    objectives = re.findall("<td.*?>(.*?)</td>", below(text, "Objectives"))
    assert objectives == ["met", "1.000ms", "a:1", "met", "-3.000ms", "b:&lt;2&gt;"]


def test_a_hop_that_buffers_is_a_finding() -> None:
    slow, at_once = exchange(1, 5, gap=100), exchange(1, 205, gap=0)
    text = page(report_of(compared(*[(slow, at_once)] * 6)))
    [(name, finding)] = pairs_of(text, "Findings")
    assert (name, finding[:18]) == ("through", "this hop buffers: ")


def test_a_page_without_any_round_has_no_chart() -> None:
    text = page(report_of(compared()))
    assert "<figure" not in text
    assert verdict_of(text)[1] == "The measurement is not valid"


def test_each_url_has_a_colour_and_a_shape_of_its_own() -> None:
    """The marks are at their medians, the whiskers reach the ends of the intervals."""
    added = {
        "a:1": {"head": Interval(2 * MS, MS, 4 * MS)},
        "b:<2>": {"head": Interval(-MS, -2 * MS, 0), "ttft": Interval(0, 0, 0)},
    }
    drawing = ElementTree.fromstring(added_chart(added))
    paths = [(one.get("class", ""), one.get("d", "")) for one in drawing.iter("path")]
    marks = [one for one in paths if one[0].startswith("mark")]
    assert [kind for kind, _ in marks] == ["mark c0", "mark c1", "mark c1"]
    shapes = [re.sub(r"^M[\d.]+ [\d.]+", "", path) for _, path in marks]
    assert shapes[0] != shapes[1] == shapes[2]
    [zero] = [
        float(one.get("x1", "")) for one in drawing.iter("line") if one.get("class") == "zero"
    ]
    ends = [[float(x) for x in re.findall("[MH]([0-9.]+)", path)] for _, path in paths]
    (left, right, *_), (median,), (other_left, other_right, *_), *_ = ends
    assert zero < left < median < right
    assert (median - zero) / (left - zero) == pytest.approx(2, abs=0.02)
    assert (right - zero) / (left - zero) == pytest.approx(4, abs=0.02)
    assert other_left < other_right == zero
    titles = [one.text for one in drawing.iter("title")]
    assert titles[1:] == [
        "b:<2>, head: -1.000 ms (-2.000 to +0.000)",
        "b:<2>, TTFT: +0.000 ms (+0.000 to +0.000)",
    ]
    texts = [one.text for one in drawing.iter("text")]
    assert {"head", "TTFT", "-2", "0", "4"} <= {*texts}


@pytest.mark.parametrize("sign", [1, -1])
def test_the_line_at_0_is_always_in_the_chart(sign: int) -> None:
    ends = sorted([sign * 90 * MS, sign * 100 * MS])
    drawing = ElementTree.fromstring(added_chart({"a": {"head": Interval(ends[0], *ends)}}))
    lines = [float(one.get("x1", "")) for one in drawing.iter("line") if one.get("class") == "zero"]
    assert [60 <= x <= 652 for x in lines] == [True]


def test_many_urls_do_not_exhaust_the_shapes() -> None:
    assert len({shape(0, 0, number) for number in range(30)}) == 30


def test_the_legend_has_the_shapes_of_the_urls() -> None:
    chart = below(page(report_of(compared(THREE, names=NAMES))), "What each URL adds")
    legend = re.findall(r"<span><svg.*?>(<path.*?)</path></svg>(.*?)</span>", chart)
    expected = [shape(0, 0, number).removesuffix("</path>") for number in (0, 1)]
    assert legend == [(expected[0], "a:1"), (expected[1], "b:&lt;2&gt;")]
