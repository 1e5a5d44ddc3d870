"""Lines of CSV: what they hold, and that the summary read from them is that of the run."""

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamserver.lab import read_csv
from streamserver.lab.client.record import MILESTONES as RECORD_MILESTONES
from streamserver.lab.client.record import End, Record
from streamserver.lab.report.csv_lines import COLUMNS, VERSION, StreamsCsv
from streamserver.lab.report.goodput import Limit, parse_limits
from streamserver.lab.report.histograms import record as count
from streamserver.lab.report.histograms import steps
from streamserver.lab.report.kept_events import KeepingCounter
from streamserver.lab.report.report import Report
from streamserver.lab.report.summary import Summary
from support.reported import CUT, MS, REFUSED, WHOLE

ENDS: tuple[End, ...] = get_args(End)  # complete is the first
MANY_COMPLETE: list[End] = [*ENDS, *ENDS[:1] * 9]
DETAILS = ("", "=1+1", "'quoted", 'a\nb, "c"', "x" * 400)
MOMENTS = ("dialed", "connected", "secured", "sent", *RECORD_MILESTONES)
NUMBERS = (
    *("retries", "reads", "chunks", "size", "token_events", "longest_gap"),
    *("input_tokens", "cached_tokens", "output_tokens", "reasoning_tokens"),
)
LACKING = ("address", "evidence", "loop_lag", "resolving", "unsent", "warmed", "timeline")


SAME = (
    *("milestones", "figures", "tokens", "throughput", "goodput", "seconds", "reads", "chunks"),
    *("events", "bytes"),
)
LIMITS = parse_limits("ttft=5s,e2e=20s")


def written(records: Iterable[Record], limits: Sequence[Limit] = ()) -> str:
    file = io.StringIO(newline="")
    lines = StreamsCsv(file, limits)
    for record in records:
        lines.add(record)
    return file.getvalue()


def cells_of(record: Record) -> dict[str, str]:
    [line] = csv.DictReader(io.StringIO(written([record]), newline=""))
    return line


def contents(summary: Summary) -> dict[str, Any]:
    """What a summary and the one that is read back have in common."""
    found: dict[str, Any] = {
        name: (one.get_total_count(), steps(one), one.get_min_value(), one.get_max_value())
        for name, one in summary.all_histograms()
        if name not in ("loop_lag", "delay", "target_late")
    }
    for name in Summary.__slots__:
        if name not in (*LACKING, "apart", "paced", "start_late", "tokens", "slowest"):
            found[name] = getattr(summary, name)
    found["tokens"] = replace(summary.tokens, per_second=None)
    seconds = [*summary.timeline.seconds.items()]
    found["timeline"] = {
        at: replace(one, events=0) for at, one in seconds if one.ended or one.begun
    }
    return found


def run_of(seed: int, exchanges: int, summary: Summary) -> list[Record]:
    """Exchanges of any kind, counted as in a run with ``--csv``; their records."""
    chance, records = Random(seed), []
    for n in range(exchanges):
        planned = 10**12 + n * 10 * MS
        moments = [planned]
        for _ in range(12):
            moments.append(moments[-1] + chance.choice((0, 1, 999, chance.randrange(10**9))))
        reached = [moment if chance.random() < 0.8 else 0 for moment in moments]
        record = Record(planned, planned + chance.randrange(2) * 77)
        for name, moment in zip(MOMENTS, reached[1:], strict=False):
            setattr(record, name, moment)
        for name in NUMBERS:
            setattr(record, name, chance.randrange(100))
        record.ended, record.status = moments[12], chance.choice((0, 200, 200, 503))
        record.end, record.detail = (
            chance.choice(MANY_COMPLETE),
            chance.choice(DETAILS),
        )
        record.answer, record.server = chance.choice(("", "-busy")), chance.choice(("", "@nginx"))
        record.tokens_from = chance.choice(("", "usage", "events"))
        record.last_token = record.first_token and record.first_token + chance.randrange(10**9)
        counter, at = KeepingCounter(summary, record), moments[4]
        for _ in range(chance.randrange(30)):
            at += chance.choice((0, 40, chance.randrange(10**8)))
            events = chance.randrange(1, 4)
            counter.on_events(at, events, chance.randrange(events + 1), [])
            record.events += events
        if record.end not in ENDS[:4]:  # four of each stay below the bound
            record.detail = ""
        summary.add(record)
        if record.began > record.planned:
            count(summary.start_late, record.began - record.planned)
        records.append(record)
    return records


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 2**32), parts=st.lists(st.integers(0, 12), min_size=1, max_size=3))
def test_the_summary_that_is_read_back_is_that_of_the_run(
    tmp_path_factory: pytest.TempPathFactory, seed: int, parts: list[int]
) -> None:
    """Also of several processes, whose exchanges are written in any order."""
    limits = tuple(LIMITS) if seed % 2 and any(parts) else ()
    whole, records = Summary(limits=limits), []
    for n, exchanges in enumerate(parts):
        summary = Summary(limits=limits)
        records += run_of(seed + n, exchanges, summary)
        whole.merge(summary)
    Random(seed).shuffle(records)
    path = tmp_path_factory.mktemp("csv") / "lines.csv"
    path.write_text(written(records, limits), "utf-8", newline="")
    found, expected = contents(read_csv(path)), contents(whole)
    # Which one of several is kept depends on the order, and control characters are escaped.
    for one in (found, expected):
        one["answers"], one["servers"] = {*one["answers"]}, {*one["servers"]}
        one["reasons"] = {reason.replace("\n", r"\n"): n for reason, n in one["reasons"].items()}
    assert found == expected


def test_throughput_and_percentiles_are_those_of_the_report(tmp_path: Path) -> None:
    summary = Summary(limits=tuple(LIMITS))
    records = run_of(5, 40, summary)
    path = tmp_path / "lines.csv"
    path.write_text(
        "\ufeff" + written(records, LIMITS), "utf-8", newline=""
    )  # as spreadsheets save it
    read = read_csv(path)
    assert (read.ended - read.began, read.ends) == (summary.ended - summary.began, summary.ends)
    both = [Report("", one, (one.ended - one.began) / 1e9).to_json() for one in (summary, read)]
    assert summary.good
    for name in SAME:
        assert both[0][name] == both[1][name], name


def test_each_exchange_is_a_line() -> None:
    whole, cut = cells_of(WHOLE), cells_of(CUT)
    assert [*whole] == [column.name for column in COLUMNS]
    assert (whole["version"], whole["planned_ns"]) == (str(VERSION), "1000000")
    assert (whole["head_ms"], whole["longest_gap_ms"]) == ("4.000000", "20.000000")
    assert (whole["e2e_ms"], whole["ttft_ms"], whole["gaps"]) == ("30.000000", "", "")
    assert (cut["first_byte_ms"], cut["end"], cut["detail"]) == ("", "truncated", "it ended")


def test_every_member_of_a_record_has_a_column() -> None:
    """But those of which the histograms are made, and what no report shows."""
    names = {column.name.removesuffix("_ms").removesuffix("_ns") for column in COLUMNS}
    others = {"arrivals", "stamp_numbers", "digest", "counted", "size"}
    assert {*Record.__slots__} - names == others
    assert all(column.meaning for column in COLUMNS)


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "'x", "\t=1", "=\r\n2", ""])
def test_no_text_of_a_peer_is_a_formula(tmp_path: Path, text: str) -> None:
    record = replace(REFUSED, detail=text, answer=text, server=text)
    cells = cells_of(record)
    for name in ("detail", "answer", "server"):
        assert cells[name][:1] in ("'", "\\", "")
    path = tmp_path / "lines.csv"
    path.write_text(written([record]), "utf-8", newline="")
    shown = text.replace("\t", r"\t").replace("\r\n", r"\r\n")
    assert [*read_csv(path).reasons] == ([f"refused: {shown}"] if text else [])


def test_the_size_of_a_cell_is_bounded() -> None:
    """A cell has at most 32,767 characters, the most that spreadsheet programs allow."""
    record, chance = Record(1, 1, detail="x" * 10**6), Random(1)
    counter = KeepingCounter(Summary(), record)
    at = 1
    for _ in range(100_000):
        at += round(10 ** chance.uniform(0, 12))
        counter.on_events(at, 1, 1, [])
    assert max(map(len, cells_of(record).values())) < 32_767


def test_the_times_of_a_hundred_events_take_few_bytes() -> None:
    record, chance, at = Record(1, 1), Random(1), 1
    counter = KeepingCounter(Summary(), record)
    for _ in range(100):
        at += 20 * MS + chance.randrange(MS)
        counter.on_events(at, 1, 1, [])
    assert len(cells_of(record)["gaps"]) < 300


GOOD = written([WHOLE, CUT])
HEADER, FIRST, SECOND = GOOD.split("\r\n")[:3]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", r"lacks the columns version, planned_ns, .*"),
        ("planned_ns,began_ms\r\n1,2\r\n", r"not a CSV of bench of version 2: it lacks .*version"),
        (f"{HEADER}\r\n1{FIRST[1:]}\r\n", "line 2: version '1', where 2 is read"),
        (
            f"{HEADER}\r\n{FIRST}\r\n{SECOND},\r\n",
            "line 3: it does not have the 42 cells of the first",
        ),
        (f"{HEADER}\r\n2,1\r\n", "line 2: it does not have the 42 cells of the first line"),
        (f"{HEADER}\r\n2,x{FIRST[9:]}\r\n", "line 2: planned_ns: invalid literal"),
        (f"{HEADER}\r\n2,-1{FIRST[9:]}\r\n", "line 2: planned_ns: '-1.*' is not a number from 0"),
        (f"{HEADER}\r\n2,{'9' * 400}{FIRST[9:]}\r\n", "line 2: planned_ns: '9+' is not a number"),
        (f"{HEADER}\r\n{FIRST.replace('complete', 'ok')}\r\n", "line 2: end: 'ok' is none of com"),
        (f"{HEADER}\r\n{FIRST.replace('4.000000', 'inf')}\r\n", "line 2: head_ms: cannot convert"),
        (f"{HEADER}\r\n{FIRST}rubbish\r\n", "line 2: itls: 'rubbish' is not an HdrHistogram"),
        (f'{HEADER}\r\n"{FIRST}\r\n', "line 1: unexpected end of data"),
    ],
)
def test_another_file_is_refused_by_its_line(tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / "lines.csv"
    path.write_text(text, "utf-8", newline="")
    with pytest.raises(ValueError, match=problem):
        read_csv(path)


def test_bytes_that_are_no_text_and_missing_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "bytes").write_bytes(f"{HEADER}\r\n".encode() + b"\xff\xfe\r\n")
    with pytest.raises(ValueError, match="utf-8"):
        read_csv(tmp_path / "bytes")
    with pytest.raises(FileNotFoundError):
        read_csv(tmp_path / "none")


def test_a_file_without_exchanges_is_an_empty_summary(tmp_path: Path) -> None:
    path = tmp_path / "lines.csv"
    path.write_text(f"{HEADER}\r\n", "utf-8", newline="")
    assert contents(read_csv(path)) == contents(Summary())


# Comparisons


def of_sides(path: Path, *names: str) -> Path:
    """Two rounds, in each of which only the first side is complete."""
    with path.open("w", encoding="utf-8", newline="") as file:
        lines = StreamsCsv(file, is_comparison=True)
        for number in range(2):
            lines.add_round(number, dict(zip(names, (WHOLE, *[CUT] * len(names)), strict=False)))
    return path


def test_the_lines_of_a_comparison_begin_with_their_round_and_side(tmp_path: Path) -> None:
    path = of_sides(tmp_path / "lines.csv", "direct", "=a:1")
    lines = [*csv.reader(path.read_text("utf-8").splitlines())]
    assert lines[0] == ["round", "side", *[column.name for column in COLUMNS]]
    assert [line[:3] for line in lines[1:]] == [
        [number, side, str(VERSION)] for number in "01" for side in ("direct", "'=a:1")
    ]


def test_one_side_of_a_comparison_is_read(tmp_path: Path) -> None:
    path = of_sides(tmp_path / "lines.csv", "direct", "=a:1")
    for side, record in {"direct": WHOLE, "=a:1": CUT}.items():
        alone = tmp_path / "alone.csv"
        alone.write_text(written([record] * 2), "utf-8", newline="")
        assert contents(read_csv(path, side)) == contents(read_csv(alone))


def test_a_side_must_be_named_and_be_there(tmp_path: Path) -> None:
    path = of_sides(tmp_path / "lines.csv", "direct", "a:1")
    with pytest.raises(
        ValueError, match=r"of a comparison, and no side is named: 'direct', 'a:1'$"
    ):
        read_csv(path)
    with pytest.raises(ValueError, match="of a comparison, and it has no side 'b': 'direct', 'a:"):
        read_csv(path, "b")
    alone = tmp_path / "alone.csv"
    alone.write_text(GOOD, "utf-8", newline="")
    for side in ("direct", ""):
        with pytest.raises(ValueError, match=f"has no side '{side}': it is not of a comparison"):
            read_csv(alone, side=side)
    many = of_sides(tmp_path / "many.csv", *[f"side {n}" for n in range(100)])
    with pytest.raises(ValueError, match="no side is named") as refused:
        read_csv(many)
    assert len(str(refused.value)) < 1000
