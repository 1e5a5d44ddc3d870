"""The view of a run while it lasts: lines in a log, and a screen whose parts do not move."""

import io
import pty
import re

import pytest

from streamserver.lab.client.record import Record
from streamserver.lab.report.live import Screen, View, plain
from streamserver.lab.report.progress import Plan, Progress
from streamserver.lab.report.slo import parse
from streamserver.lab.report.summary import Summary

MS = 1_000_000
OBJECTIVES = parse("first_byte_p99=1ms,errors=10%")


def run_of(complete: int, failed: int = 0, tokens: int = 0) -> Summary:
    """Exchanges whose first byte took 2 ms, each with ten events, and failed ones."""
    summary = Summary()
    for _ in range(complete):
        record = Record(1, first_byte=1 + 2 * MS, end="complete", events=10, ended=1 + 10**9)
        if tokens:
            record.first_token, record.output_tokens, record.tokens_from = 1 + MS, tokens, "usage"
            record.last_token = 1 + 2 * MS
        summary.add(record)
    for n in range(failed):
        summary.add(Record(1, end="reset", detail=f"cause {n}\x1b"))
    return summary


def test_a_log_gets_a_line_per_call_with_the_rates_since_the_call_before() -> None:
    file = io.StringIO()
    show = plain(file, Plan(seconds=4, grace=9), OBJECTIVES)
    show(Progress(1.0, 5, run_of(0)))
    show(Progress(3.0, 4, run_of(6, failed=2)))
    show(Progress(3.5, 0, run_of(6, failed=2)))
    first, second, cause, third = file.getvalue().splitlines()
    assert first == (
        "   1.0 s  25%  left at most 0:03, then up to 0:09 to drain  open 5  ended 0 (0.0/s)"
        "  failed 0.0/s  events 0/s  first_byte_p99=1ms nothing of the kind was measured"
        "  errors=10% nothing of the kind was measured"
    )
    assert second.startswith("   3.0 s  75%  left at most 0:01, then up to 0:09 to drain  open 4")
    assert "  ended 8 (4.0/s)  failed 1.0/s  events 30/s  first byte p50 2.0 p99 2.0 ms" in second
    assert second.endswith("  first_byte_p99=1ms missed  errors=10% missed")
    assert cause == r"         first reset: cause 0\x1b"
    assert third.startswith("   3.5 s")


def test_a_log_without_a_plan_says_that_the_time_is_unknown() -> None:
    file = io.StringIO()
    plain(file)(Progress(1.0, 5, run_of(1, tokens=30)))
    assert re.fullmatch(
        r"   1\.0 s  left unknown  open 5  ended 1 \(1\.0/s\)  failed 0\.0/s  events 10/s"
        r"  output tokens 30/s  TTFT p50 1\.0 p99 1\.0 ms  TPOT p50 0\.0 p99 0\.0 ms\n",
        file.getvalue(),
    )


STATES = [
    Progress(0.1, 0, Summary(), warming_up=True),
    Progress(2.0, 7, run_of(3)),
    Progress(3.0, 7, run_of(3, failed=5)),
    Progress(4.0, 7, run_of(3, failed=5, tokens=9)),
    Progress(9.0, 1, run_of(9), draining=True),
]


@pytest.mark.parametrize("slo", ["errors=1%", ",".join(["errors=1%"] * 3 + ["gap_p50=1ms"] * 4)])
def test_the_screen_has_the_same_places_at_every_moment_and_fits_a_terminal(slo: str) -> None:
    screens = []
    for now in STATES:
        one = Screen("GET http://x/", Plan(seconds=8, grace=3), parse(slo))
        screens.append([*one.lines(now)])
    assert {len(lines) for lines in screens} == {len(screens[0])}
    assert len(screens[0]) <= 23
    names = [[line.split("  ")[0] for line in lines] for lines in screens]
    for fixed in (0, 2, 4, 5, 7, 14 + 4):
        assert len({one[fixed] for one in names}) == 1, fixed
    assert max(len(line) for lines in screens for line in lines) <= 80


def test_the_screen_shows_progress_rates_errors_and_objectives() -> None:
    screen = Screen("GET http://x/", Plan(seconds=8, grace=3), OBJECTIVES)
    lines = [*screen.lines(Progress(2.0, 7, run_of(3, failed=1)))]
    assert lines[1] == f"[{'#' * 10}{'.' * 30}]  25%, elapsed 0:02"
    assert lines[2] == "time left    at most 0:06, then up to 0:03 to drain"
    assert lines[4:6] == [
        "exchanges    7 open, 4 ended, 1 failed",
        "per second   2.0 ended, 0.5 failed, 15 events",
    ]
    assert re.fullmatch(r"first byte( +2\.0){4}", lines[9])
    assert "     1 x     reset, first: cause 0\\x1b" in lines
    assert re.fullmatch(r"objective    first_byte_p99=1ms: missed, now 2\.00\dms", lines[-4])
    assert lines[-3] == "objective    errors=10%: missed, now 25.000%"
    tokens = [*screen.lines(Progress(3.0, 7, run_of(4, tokens=50)))]
    assert tokens[5].endswith(", 200 output tokens")
    assert re.fullmatch(r"TTFT( +1\.0){4}", tokens[8])
    assert "errors       none" in tokens
    warming = [*screen.lines(Progress(1.0, 1, Summary(), warming_up=True))]
    assert warming[2].endswith("(warming up)")


def test_one_long_cause_takes_all_lines_and_many_kinds_are_counted() -> None:
    one, many = Summary(), Summary()
    one.add(Record(1, end="reset", detail="word " * 100))
    for end in ("reset", "truncated", "malformed", "unanswered", "failed"):
        many.add(Record(1, end=end))
    screens = [[*Screen("", Plan(), []).lines(Progress(1, 1, one))] for one in (one, many)]
    assert [len(line) > 70 for line in screens[0][-3:]] == [True] * 3
    assert screens[1][-1] == "             and 3 further kinds of errors"


def test_a_terminal_gets_a_screen() -> None:
    ours, theirs = pty.openpty()
    with open(ours, "rb", buffering=0) as terminal, open(theirs, "w") as file:
        with View("http://127.0.0.1/\x9b31m\u202e", file, Plan(seconds=4)) as view:
            view.show(Progress(2.0, 1, run_of(4, failed=1)))
        shown = ""
        while "cause 0" not in shown:  # the kernel may deliver it in parts
            shown += terminal.read(65536).decode()
    assert r"http://127.0.0.1/\x9b31m\u202e" in shown
    assert r"reset, first: cause 0\x1b" in shown
    assert re.search(r"first byte\W+2\.0\W+2\.0\W+2\.0", shown)
    assert "2.5 ended, 0.5 failed, 20 events" in shown


def test_a_small_terminal_shows_errors_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINES", "14")
    ours, theirs = pty.openpty()
    with (
        open(ours, "rb", buffering=0) as terminal,
        open(theirs, "w") as file,
        View("http://127.0.0.1/", file, Plan(seconds=4)) as view,
    ):
        view.show(Progress(2.0, 1, run_of(4, failed=1)))
        shown = ""
        while "cause 0" not in shown and " ... " not in shown:
            shown += terminal.read(65536).decode()
    assert "reset, first: cause 0" in shown


def test_a_comparison_shows_its_rounds() -> None:
    now = Progress(4.0, 1, run_of(8))
    line = re.compile(r"time left    about 0:0\d, 4 of 10 rounds done")
    assert line.fullmatch([*Screen("", Plan(count=20, each=2), []).lines(now)][2])
    shown = io.StringIO()
    plain(shown, Plan(count=20, each=2))(now)
    assert "  40%  left about 0:0" in shown.getvalue()
    assert ", 4 of 10 rounds done  open 1" in shown.getvalue()
