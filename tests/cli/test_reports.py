"""The files of `bench`: one run in every form, by two processes, with failures and a warm-up."""

import json
from pathlib import Path
from typing import Any

import pytest

from cli.conftest import run
from streamserver.lab import read_csv
from streamserver.lab.report.report import Report
from streamserver.lab.report.summary import Summary
from support import peers
from support.calling import call
from support.process import ServerProcess

SAME = ("milestones", "figures", "tokens", "throughput", "goodput", "seconds", "reads", "chunks")
SAME_OF_EXCHANGES = ("ended", "statuses", "errors", "retried", "answers", "reasons")


@pytest.fixture(scope="module")
def files(target: ServerProcess, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of the reports of a run."""
    directory = tmp_path_factory.mktemp("reports")
    service = f"{target.url}/v1?tokens=20&tokens_per_second=200&fail_rate=0.3&seed=1"
    done = run(
        "bench", service, "--chat", "--model", "streamserver-demo", "--prompt", "Hello {n}",
        "--rate", "40", "--duration", "1.4", "--warm-up", "0.2", "--processes", "2",
        "--goodput", "ttft=60s,e2e=60s", "--json", "r.json",
        "--csv", "r.csv", "--html", "r.html", cwd=directory,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "left at most" in done.stderr, "the progress"
    return directory


def json_of(files: Path) -> dict[str, Any]:
    members: dict[str, Any] = json.loads((files / "r.json").read_text("utf-8"))
    return members


def report_of(summary: Summary) -> dict[str, Any]:
    return Report("", summary, (summary.ended - summary.began) / 1e9).to_json()


def test_the_csv_gives_the_same_summary_back(files: Path) -> None:
    figures, read = json_of(files), report_of(read_csv(files / "r.csv"))
    assert figures["exchanges"]["warm_up"] > 0
    assert figures["server"]["address"].startswith("127.0.0.1:")
    assert figures["exchanges"]["ended"].keys() == {"complete", "refused"}
    assert figures["goodput"]["good"] == figures["exchanges"]["ended"]["complete"]
    assert figures["figures"]["itl"]["count"] == 19 * figures["exchanges"]["ended"]["complete"]
    for name in (*SAME, "events", "bytes"):
        assert read[name] == figures[name], name
    for name in SAME_OF_EXCHANGES:
        assert read["exchanges"][name] == figures["exchanges"][name], name
    assert read["client"]["start_late"] == figures["client"]["start_late"]


def test_the_json_is_that_of_the_printed_schema(files: Path) -> None:
    jsonschema, printed = peers.module("jsonschema"), call("bench", "--schema", "json")
    assert printed.returncode == 0
    validator = jsonschema.Draft202012Validator(json.loads(printed.stdout))
    assert [error.message for error in validator.iter_errors(json_of(files))] == []


def test_the_columns_are_those_of_the_printed_list(files: Path) -> None:
    """But the first two, which a comparison has."""
    _, _, *printed = call("bench", "--schema", "csv").stdout.splitlines()
    with (files / "r.csv").open(encoding="utf-8") as lines:
        assert next(lines).strip().split(",") == [line.split()[0] for line in printed]


def test_the_page_says_what_was_asked(files: Path) -> None:
    page = (files / "r.html").read_text("utf-8")
    for text in (
        "streamserver-demo",
        "open loop: 40 exchanges",
        "TTFT",
        "Goodput",
    ):
        assert text in page, text


def test_no_other_form_has_a_schema() -> None:
    done = call("bench", "--schema", "html")
    assert done.returncode == 2
    assert "'html' is none of json, csv, compare-json, sweep-json, sweep-csv" in done.stderr
