"""Goodput: which exchanges keep their limits, and how the limits are written."""

from typing import Any

import pytest

from streamserver.lab.client.record import End, Record
from streamserver.lab.report.goodput import parse_limits
from streamserver.lab.report.summary import Summary

MS = 1_000_000


def answer(end: End = "complete", **members: Any) -> Record:
    """Five tokens: the first after 100 ms, the last after 300, the end after 310."""
    moments = {"planned": MS, "first_token": 101 * MS, "last_token": 301 * MS}
    record = Record(**{**moments, "last_byte": 311 * MS, "token_events": 5, **members})
    record.end = end
    record.count_tokens()
    return record


@pytest.mark.parametrize(
    ("limits", "record", "is_good"),
    [
        ("ttft=100ms", answer(), True),
        ("ttft=99.9ms", answer(), False),
        ("tpot=50ms", answer(), True),
        ("tpot=49.9ms", answer(), False),
        ("e2e=310ms", answer(), True),
        ("e2e=309ms", answer(), False),
        ("first_token=100ms", answer(), True),
        ("first_token=99ms", answer(), False),
        ("ttft=100ms, tpot=50ms,e2e=1s", answer(), True),
        ("ttft=100ms,tpot=49ms,e2e=1s", answer(), False),
        # The service's tokens count: here ten instead of five events.
        ("tpot=22.3ms", answer(output_tokens=10, tokens_from="usage"), True),
        # What was not reached was not reached in time.
        ("first_reasoning=1s", answer(), False),
        ("ttft=1s", answer(first_token=0), False),
        ("ttft=1s", Record(planned=MS, last_byte=2 * MS, end="complete"), False),
        ("tpot=1s", Record(planned=MS, last_byte=2 * MS, end="complete"), False),
        ("e2e=1s", Record(planned=MS, last_byte=2 * MS, end="complete"), True),
        # One token has no time for each further one.
        ("tpot=1ms", answer(token_events=1), True),
        # An exchange that failed is never good.
        ("ttft=1s", answer("truncated"), False),
        ("ttft=1s", answer("unfinished"), False),
        ("ttft=1s", answer("stopped"), False),
    ],
)
def test_a_good_exchange_is_complete_and_keeps_every_limit(
    limits: str, record: Record, is_good: bool
) -> None:
    summary = Summary(limits=parse_limits(limits))
    summary.add(record)
    assert summary.good == is_good


async def test_goodput_is_a_share_of_the_exchanges_that_were_not_stopped() -> None:
    limits = parse_limits("ttft=100ms")
    one, other = Summary(limits=limits), Summary(limits=limits)
    for record in (answer(), answer("reset"), answer("stopped"), answer(first_token=102 * MS)):
        one.add(record)
        other.add(record)
    other.add(answer())
    assert (one.goodput, other.goodput) == (1 / 3, 2 / 4)
    whole = Summary()
    for part in (one, other):
        whole.merge(Summary.unpack(await part.pack()))
    assert (whole.good, whole.goodput, [*whole.limits]) == (3, 3 / 7, limits)
    assert (Summary().goodput, Summary(limits=limits).goodput) == (None, None)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "",
            "'' is not a limit: '' is not a figure; allowed: NAME=LIMIT, where NAME is one of ",
        ),
        ("ttft", "'ttft' is not a limit: '' is not a duration with a unit"),
        ("ttft=500", "'ttft=500' is not a limit: '500' is not a duration with a unit"),
        ("ttft=0ms", "'ttft=0ms' is not a limit: '0ms' is not a duration"),
        ("ttft=-1s", "'ttft=-1s' is not a limit: '-1s' is not a duration"),
        ("itl=5ms", "'itl=5ms' is not a limit: 'itl' is not a figure"),
        ("tfft=5ms", "'tfft=5ms' is not a limit: 'tfft' is not a figure (did you mean 'ttft'?)"),
        ("ttft_p99=5ms", "'ttft_p99=5ms' is not a limit: 'ttft_p99' is not a figure"),
        ("ttft=5ms,", "'' is not a limit"),
        ("ttft=5ms,e2e=1s,ttft=6ms", "'ttft=5ms' is not a limit: ttft has two limits"),
    ],
)
def test_a_wrong_limit_is_named(text: str, problem: str) -> None:
    with pytest.raises(ValueError) as refused:  # noqa: PT011 - the text is compared below
        parse_limits(text)
    assert str(refused.value).startswith(problem)
