"""The progress of a run while it lasts."""

import io
import pty
import re

from streamserver.lab.client.record import Record
from streamserver.lab.report.live import Progress, View, plain
from streamserver.lab.report.summary import Summary

MS = 1_000_000


def run_of(complete: int, failed: int = 0) -> Summary:
    """Exchanges whose first byte took 2 ms, each with ten events, and failed ones."""
    summary = Summary()
    for _ in range(complete):
        summary.add(Record(planned=1, first_byte=1 + 2 * MS, end="complete", events=10))
    for _ in range(failed):
        summary.add(Record(planned=1, end="reset"))
    return summary


def test_a_pipe_gets_a_line_per_call_with_the_rates_since_the_call_before() -> None:
    file = io.StringIO()
    show = plain(file)
    show(Progress(1.0, 5, run_of(0)))
    show(Progress(3.0, 4, run_of(6, failed=2)))
    first, second = file.getvalue().splitlines()
    assert re.fullmatch(r" +1\.0 s  open 5  ended 0 \(0\.0/s\)  failed 0\.0/s  events 0/s", first)
    line = r" +3\.0 s  open 4  ended 8 \(4\.0/s\)  failed 1\.0/s  events 30/s  "
    assert re.fullmatch(line + r"first byte p50 2\.0 p99 2\.0 ms", second)


def test_a_terminal_gets_a_table() -> None:
    ours, theirs = pty.openpty()
    with open(ours, "rb", buffering=0) as terminal, open(theirs, "w") as file:
        with View("http://127.0.0.1/\x9b31m\u202e", file) as view:
            view.show(Progress(2.0, 1, run_of(4)))
        shown = ""
        while "events/s" not in shown:  # the kernel may deliver it in parts
            shown += terminal.read(65536).decode()
    assert r"http://127.0.0.1/\x9b31m\u202e" in shown
    assert re.search(r"first byte\W+2\.0\W+2\.0\W+2\.0", shown)
    assert "4 ended (2.0/s), 0.0 failed/s, 20 events/s" in re.sub(r"\s+", " ", shown)
