"""The figures of an exchange, as its record derives them."""

from typing import Any

import pytest

from streamserver.lab.client.record import Record

MS = 1_000_000


@pytest.mark.parametrize(
    ("members", "ttft", "tpot", "e2e"),
    [
        ({}, 0, 0, 0),
        # The first token or tool call that the user gets; reasoning is none.
        ({"first_token": 11}, 10, 0, 0),
        ({"first_tool_call": 9, "first_token": 11}, 8, 0, 0),
        ({"first_tool_call": 12, "first_token": 11}, 10, 0, 0),
        ({"first_reasoning": 5, "last_token": 9, "token_events": 5}, 0, 1, 0),
        # After the first piece of any kind, up to the last, by the tokens but the first.
        ({"first_token": 11, "last_token": 31, "token_events": 5}, 10, 5, 0),
        ({"first_token": 11, "last_token": 31, "output_tokens": 11, "token_events": 5}, 10, 2, 0),
        (
            {"first_reasoning": 3, "first_token": 11, "last_token": 31, "output_tokens": 15},
            *(10, 2, 0),
        ),
        ({"first_token": 11, "last_token": 11, "token_events": 1}, 10, 0, 0),
        # Hidden reasoning was billed, and none of it arrived after the first token.
        (
            {"first_token": 11, "last_token": 31, "output_tokens": 105, "reasoning_tokens": 100},
            *(10, 5, 0),
        ),
        (
            {"first_token": 11, "last_token": 31, "output_tokens": 9, "reasoning_tokens": 9},
            *(10, 0, 0),
        ),
        # Only a complete exchange has an end.
        ({"last_byte": 41, "end": "complete"}, 0, 0, 40),
        ({"last_byte": 41, "end": "unfinished"}, 0, 0, 0),
    ],
)
def test_the_durations_of_an_exchange(
    members: dict[str, Any], ttft: int, tpot: int, e2e: int
) -> None:
    times = ("first_reasoning", "first_token", "first_tool_call", "last_token", "last_byte")
    record = Record(1 * MS)
    for name, value in members.items():
        setattr(record, name, value * MS if name in times else value)
    if record.output_tokens:
        record.tokens_from = "usage"
    record.count_tokens()
    assert (record.ttft, record.tpot, record.e2e) == (ttft * MS, tpot * MS, e2e * MS)


def test_tokens_that_arrive_in_one_read_have_a_tpot() -> None:
    """It is 1 ns, the least that is counted, and not that of an answer without one."""
    record = Record(1, first_token=MS, last_token=MS, output_tokens=9)
    assert record.tpot == 1
    assert Record(1, first_token=MS, last_token=MS, output_tokens=1).tpot == 0


@pytest.mark.parametrize(
    ("members", "output", "source"),
    [
        ({}, 0, ""),
        ({"token_events": 3}, 3, "events"),
        ({"token_events": 3, "output_tokens": 9, "tokens_from": "usage"}, 9, "usage"),
        # A usage of nothing for an answer with tokens is none.
        ({"token_events": 3, "tokens_from": "usage"}, 3, "events"),
        ({"tokens_from": "usage"}, 0, "usage"),
    ],
)
def test_the_source_of_the_tokens(members: dict[str, Any], output: int, source: str) -> None:
    record = Record(1, **members)
    record.count_tokens()
    assert (record.output_tokens, record.tokens_from) == (output, source)


def test_output_tokens_per_second_of_a_complete_exchange() -> None:
    record = Record(1, last_byte=1 + 500 * MS, output_tokens=20, end="complete")
    assert record.tokens_per_second == 40
    record.end = "truncated"
    assert record.tokens_per_second == 0
