"""The top of a report: the verdict, the key figures, and the facts."""

import re
from dataclasses import replace

import pytest

from streamserver.lab.client.record import Record
from streamserver.lab.report.page.glossary import glossary
from streamserver.lab.report.page.headline import banner, facts, tiles
from support.reported import ABOUT, ANSWERED, CUT, MS, REFUSED, WHOLE, report


def test_a_run_over_midnight_shows_both_dates() -> None:
    late = replace(ABOUT, ended="2026-11-23T00:00:07Z")
    text = facts(replace(report(WHOLE), about=late))
    assert "2026-11-22 16:51:05 to 2026-11-23 00:00:07 UTC" in text
    without_end = facts(replace(report(WHOLE), about=replace(ABOUT, ended="")))
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
def test_the_verdict_is_a_sentence(
    records: list[Record], slo: str, problems: tuple[str, ...], kind: str, words: str, reasons: str
) -> None:
    text = banner(report(*records, slo=slo, problems=problems))
    found = re.search('<p class="verdict (.*?)"><b>(.*?)</b><br>(.*?)</p>', text)
    assert found
    assert found[1] == kind
    assert re.sub("<.*?>", "", found[2]).startswith(words)
    assert reasons in found[3]


def test_key_figures_have_their_usual_names() -> None:
    tokens = replace(ANSWERED, output_tokens=50, tokens_from="usage", last_token=9 * MS)
    made = report(tokens, REFUSED)
    found = dict(re.findall("<dt>(.*?)</dt><dd><b>(.*?)</b>", tiles(made)))
    assert found["TTFT, median"] == "5 ms"
    assert found["E2E latency, median"] == "9 ms"
    assert found["Output tokens per second"] == "25.0"
    assert (found["Request throughput"], found["Errors"]) == ("0.50/s", "50.00%")
    assert "<dt>TTFT, time to first token</dt>" in glossary(made.summary)
    others = dict(re.findall("<dt>(.*?)</dt><dd><b>(.*?)</b>", tiles(report(WHOLE))))
    assert [*others][:3] == [
        "First byte, median",
        "Gap between events, median",
        "Last byte, median",
    ]
