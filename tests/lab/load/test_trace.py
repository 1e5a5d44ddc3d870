"""Traces: their three forms, the lines that are refused, and their replay."""

import asyncio
import json
import re
from io import StringIO
from time import monotonic_ns

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.load.conftest import MS, SECOND, Site
from streamserver.lab.load import trace as trace_module
from streamserver.lab.load.job import Share
from streamserver.lab.load.run import Run
from streamserver.lab.load.trace import Trace, read_trace

AZURE = "TIMESTAMP,ContextTokens,GeneratedTokens\n"


def read(text: str) -> Trace:
    """The trace in a text."""
    return read_trace(StringIO(text))


@pytest.mark.parametrize(
    ("text", "offsets", "lengths"),
    [
        ("0\n0.25\n1.5\n", [0, 250, 1500], [(0, 0)] * 3),
        ("7\n\n7.5", [0, 500], [(0, 0)] * 2),
        (
            '{"timestamp": 3052, "input_length": 7, "output_length": 2, "hash_ids": [1, 2]}\n'
            '{"timestamp": 3052.5}\n',
            [0, 0.5],
            [(7, 2), (0, 0)],
        ),
        (
            f"{AZURE}2023-11-16 18:17:03.9799600,4808,10\n2023-11-16 18:17:04.0319600,3180,8\n",
            [0, 52],
            [(4808, 10), (3180, 8)],
        ),
        (
            f"{AZURE}2024-05-10 00:00:00.009930+00:00,5,6\r\n2024-05-10 02:00:01.009930+02:00,1,2",
            [0, 1000],
            [(5, 6), (1, 2)],
        ),
    ],
)
def test_the_forms_of_a_trace(
    text: str, offsets: list[float], lengths: list[tuple[int, int]]
) -> None:
    found = read(text)
    assert [*found.offsets] == [round(one * MS) for one in offsets]
    assert [*zip(found.inputs, found.outputs, strict=True)] == lengths
    assert found.has_lengths is all(prompt for prompt, _ in lengths)


@given(st.lists(st.integers(0, 10**12), min_size=1, max_size=50).map(sorted))
def test_both_units_mean_the_same(times: list[int]) -> None:
    """Times in microseconds."""
    seconds = read("\n".join(f"{time // 10**6}.{time % 10**6:06}" for time in times))
    objects = read("\n".join(json.dumps({"timestamp": time / 1000}) for time in times))
    assert [*seconds.offsets] == [(time - times[0]) * 1000 for time in times]
    assert all(abs(a - b) <= 1000 for a, b in zip(seconds.offsets, objects.offsets, strict=True))


def test_a_speed_divides_the_times() -> None:
    assert [*read("1\n2\n4").faster(2).offsets] == [0, 500 * MS, 1500 * MS]


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "it has no arrivals"),
        ("\n\n", "it has no arrivals"),
        (AZURE, "it has no arrivals"),
        ("now", "line 1: 'now' is not a number of seconds"),
        ("-1", "line 1: '-1' is no"),
        ("1e3", "line 1: '1e3' is no"),
        ("1\n\nnan", "line 3: 'nan' is no"),
        ("1\n0.9", "line 2 is earlier than the line before"),
        ("0\n2678401", "line 2 is more than 31 days after"),
        ("1\n{}", "line 2: '{}' is not a number"),
        ("{}", "line 1: its timestamp, None, is not a number of milliseconds"),
        ('{"timestamp": true}', "line 1: its timestamp, True"),
        ('{"timestamp": NaN}', "line 1: its timestamp, nan"),
        ('{"timestamp": -1}', "line 1: its timestamp, -1"),
        ('{"timestamp": 1}\n[', "line 2: '[' is not an object"),
        ("{" + '"a":{' * 9999, "is not an object"),
        ('{"timestamp": 1, "input_length": 1.5}', "line 1: its input_length, 1.5, is not a number"),
        ('{"timestamp": 1, "output_length": -1}', "line 1: its output_length, -1"),
        (f"{AZURE}1,2", "line 2: it has 2 values instead of 3"),
        (f"{AZURE}today,2,3", "line 2: 'today' is not a date and time"),
        (f"{AZURE}2023-11-16 18:17:03,x,3", "line 2: its ContextTokens, 'x', is not a number"),
        (f"{AZURE}2023-11-16 18:17:03,1,{'9' * 5000}", "line 2: its GeneratedTokens, '999"),
        ("9" * 70_000, "line 1 is longer than 65,536 characters"),
    ],
)
def test_a_wrong_line_is_named(text: str, named: str) -> None:
    with pytest.raises(ValueError, match=re.escape(named)) as error:
        read(text)
    assert len(str(error.value)) < 500


def test_a_trace_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trace_module, "MOST_ARRIVALS", 3)
    assert len(read("1\n2\n3")) == 3
    with pytest.raises(ValueError, match="line 4: a trace has at most 3 arrivals"):
        read("1\n2\n3\n4")


async def test_processes_share_the_arrivals(site: Site) -> None:
    trace = read("5\n5.02\n5.03\n5.03\n5.1")
    planned: list[int] = []
    parts = [
        Run(site.job(trace=trace), Share(index, 2), lambda record: planned.append(record.planned))
        for index in range(2)
    ]
    start = monotonic_ns()
    await asyncio.gather(*[part.execute(start) for part in parts])
    assert sorted(site.gated.targets) == [f"/{n}" for n in range(5)]
    assert sorted(at - start for at in planned) == [*trace.offsets]
    # All durations count from the arrival, and the lateness of the client is measured.
    assert sum(part.summary.start_late.get_total_count() for part in parts) == 5


async def test_warm_up_duration_and_count_bound_a_trace(site: Site) -> None:
    trace = read("0\n0.05\n0.1\n0.15\n0.2")
    job = site.job(trace=trace, warm_up=0.1, duration=0.1)
    assert job.seconds == 0.2
    run = Run(job)
    await run.execute(monotonic_ns())
    assert (run.summary.warmed, run.summary.ends) == (2, {"complete": 2})
    assert site.job(trace=trace).seconds * SECOND > trace.offsets[-1]
    run = Run(site.job(trace=trace, count=3))
    await run.execute(monotonic_ns())
    assert run.summary.ends == {"complete": 3}
