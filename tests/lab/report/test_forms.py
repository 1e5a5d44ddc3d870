"""The forms of a report: the table, the JSON, the page, and the lines of CSV."""

import csv
import io
import json
import re
from dataclasses import replace

import pytest

from streamserver.lab.client.record import Record
from streamserver.lab.report.csv_lines import StreamsCsv
from streamserver.lab.report.histograms import record as count
from streamserver.lab.report.page.document import page
from streamserver.lab.report.report import VALID_AND_MET
from streamserver.lab.report.table import table
from support.reported import (
    ABOUT,
    ANSWERED,
    COUNTED,
    CUT,
    DOCUMENT,
    MOVED,
    MS,
    REFUSED,
    WHOLE,
    report,
)


def test_the_table_has_a_line_for_each_milestone_that_was_reached() -> None:
    lines = table(report(WHOLE, CUT, REFUSED)).splitlines()
    assert re.fullmatch(r"ms +count +p50 +p90 +p99 +p99.9 +max", lines[0])
    assert [line[:12].strip() for line in lines[1:7]] == [
        "connect", "head", "first byte", "first event", "gap", "last byte",
    ]  # fmt: skip
    assert re.fullmatch(r"gap +2 +5\.\d+ +(20\.\d+ *){4}", lines[5])
    assert "exchanges   complete 1, truncated 1, refused 1" in lines
    assert "statuses    503 x 1" in lines
    assert "reason      1 x truncated: it ended" in lines
    assert "received    2 reads, 3 chunks, 3 events" in lines
    assert "per second  1.5 exchanges, 1.5 events, 50 bytes, over 2.00 s" in lines


@pytest.mark.parametrize(
    ("records", "line"),
    [
        ([WHOLE, CUT], None),
        ([MOVED, MOVED, WHOLE], "statuses    301 x 2"),
        ([REFUSED, MOVED], "statuses    301 x 1, 503 x 1"),
        ([WHOLE, DOCUMENT], "statuses    200 x 2"),
    ],
)
def test_statuses_other_than_success_are_listed(records: list[Record], line: str | None) -> None:
    lines = [one for one in table(report(*records)).splitlines() if one.startswith("statuses")]
    assert lines == ([line] if line else [])


@pytest.mark.parametrize("name", ["first_reasoning", "first_token", "first_tool_call"])
def test_the_answer_of_a_model_has_milestones_in_every_form(name: str) -> None:
    shown = name.replace("_", " ")
    one = report(ANSWERED, slo=f"{name}_p50=1s")
    assert re.search(rf"^{shown} +1 +[357]\.", table(one), re.MULTILINE)
    assert one.to_json()["milestones"][name]["count"] == 1
    assert one.status == VALID_AND_MET
    drawn = page(one)
    assert f"<title>{shown}: " in drawn
    file = io.StringIO()
    StreamsCsv(file).add(ANSWERED)
    header, line = csv.reader(io.StringIO(file.getvalue()))
    assert line[header.index(f"{name}_ms")]


REPORTED = (
    "tokens      1,200 input (1,000 cached), 6 output (2 reasoning), as the service reported them"
)


@pytest.mark.parametrize(
    ("records", "lines"),
    [
        ([ANSWERED], [REPORTED, "throughput  0.50 requests/s, 3.0 output tokens/s"]),
        ([COUNTED], ["tokens      3 output, counted as events: the service reported no usage",
                     "throughput  0.50 requests/s, 1.5 output tokens/s"]),
        ([ANSWERED, COUNTED, CUT],
         ["tokens      1,200 input (1,000 cached), 9 output (2 reasoning), reported for 1 answers,"
          " counted as events for 1",
          "throughput  1.00 requests/s, 4.5 output tokens/s"]),
        ([WHOLE], []),
    ],
)  # fmt: skip
def test_tokens_and_their_source(records: list[Record], lines: list[str]) -> None:
    shown = table(report(*records)).splitlines()
    assert [one for one in shown if one.startswith(("tokens", "throughput"))] == lines
    assert any(one.startswith("per request ") for one in shown) is bool(lines)


def test_the_figures_of_answers_in_every_form() -> None:
    one = report(ANSWERED, CUT)
    shown = table(one)
    for name, value in (("TTFT", "5."), ("TPOT", "1.0"), ("E2E latency", "9.0")):
        assert re.search(rf"^{name} +1 +{re.escape(value)}", shown, re.MULTILINE), name
    assert "goodput     0.50 requests/s, 1 (50.000%) within e2e=1s" in shown
    made = one.to_json()
    assert {name: found and found["count"] for name, found in made["figures"].items()} == {
        "ttft": 1, "itl": None, "tpot": 1, "e2e": 1,
    }  # fmt: skip
    assert made["tokens"] == {
        "input": 1200, "cached": 1000, "output": 6, "reasoning": 2,
        "answers_by_usage": 1, "answers_by_events": 0,
    }  # fmt: skip
    throughput = made["throughput"]
    assert (throughput["requests_per_second"], throughput["output_tokens_per_second"]) == (0.5, 3)
    each = throughput["output_tokens_per_second_of_a_request"]
    assert each["p50"] == pytest.approx(6 / 0.009, rel=1e-3)
    assert made["goodput"] == {
        "limits": ["e2e=1s"], "good": 1, "share": 0.5, "requests_per_second": 0.5,
    }  # fmt: skip
    assert "E2E latency" not in table(report(WHOLE))


def test_the_json_has_milliseconds_and_can_be_read_back() -> None:
    figures = report(WHOLE, CUT, slo="gap_p50=6ms").to_json()
    members = json.loads(json.dumps(figures, allow_nan=False))
    assert members["exchanges"]["ended"] == {"complete": 1, "truncated": 1}
    assert members["exchanges"]["errors"] == 0.5
    assert members["milestones"]["gap"]["p50"] == pytest.approx(5, rel=0.001)
    assert members["milestones"]["first_token"] is None
    assert members["objectives"] == [
        {"objective": "gap_p50=6ms", "measured": pytest.approx(5, rel=0.001), "met": True}
    ]
    assert members["valid"] is True


def test_the_json_says_when_and_how_it_was_made() -> None:
    assert replace(report(WHOLE), about=ABOUT).to_json()["run"] == {
        "date": ABOUT.date,
        "ended": ABOUT.ended,
        "version": ABOUT.version,
        "machine": ABOUT.machine,
        "command": ABOUT.command,
        "asked": dict(ABOUT.asked),
        "options": {"slo": "errors=1%"},
    }
    assert report(WHOLE).to_json()["run"] is None


def test_the_lateness_of_the_client_is_in_the_report() -> None:
    one = report(WHOLE)
    summary = one.summary
    count(summary.start_late, 2 * MS)
    count(summary.loop_lag, MS)
    summary.retries, summary.warmed, summary.resolving = 3, 4, 5 * MS
    lines = table(one).splitlines()
    assert "retried     3, since a kept connection had been closed" in lines
    assert "warm-up     4 exchanges, which count nowhere else" in lines
    [line] = [line for line in lines if line.startswith("this client")]
    assert re.search(r"began 2\.0\d\d ms late at p50, .*, its event loop was 1\.0\d\d ms", line)
    members = one.to_json()
    assert (members["exchanges"]["retried"], members["exchanges"]["warm_up"]) == (3, 4)
    assert members["client"]["resolving"] == 5
