"""The answers of each service: their milestones, tokens and ends, however the bytes are cut."""

import json
from typing import Any

import pytest

from streamserver.lab.client.events import events_of
from streamserver.lab.client.record import Record
from support.recorded import Recorded
from support.recorded_streams import ALL, MESSAGES

KINDS = ("first_reasoning", "first_token", "first_tool_call", "last_token")


def read(recorded: Recorded, *pieces: bytes) -> tuple[Record, Any]:
    """The record of a body that arrives in pieces, at the times 1, 2 and so on, and the verdict."""
    record = Record()
    events = events_of(recorded.kind, record, None)
    assert events is not None
    for moment, piece in enumerate(pieces, 1):
        events.feed(piece, moment)
    events.end(len(pieces))
    record.count_tokens()
    return record, events.verdict()


def tokens(record: Record) -> tuple[int, int, int, int]:
    counts = record.input_tokens, record.cached_tokens
    return *counts, record.output_tokens, record.reasoning_tokens


@pytest.mark.parametrize("recorded", ALL, ids=lambda one: one.name)
def test_an_answer_has_the_same_meaning_wherever_it_is_cut(recorded: Recorded) -> None:
    body = recorded.body.encode()
    record, verdict = read(recorded, *[body[n : n + 1] for n in range(len(body))])
    arrivals = [*record.arrivals]
    reached = {name: getattr(recorded, name) for name in KINDS}
    moments = {name: arrivals[n] if n >= 0 else 0 for name, n in reached.items()}
    assert {name: getattr(record, name) for name in KINDS} == moments
    assert (tokens(record), record.tokens_from) == (recorded.tokens, recorded.tokens_from)
    assert (record.token_events, verdict) == (recorded.pieces, None)
    for at in range(1, len(body)):
        record, verdict = read(recorded, body[:at], body[at:])
        # The n-th byte arrived at n: an event is in the first piece if it was complete by then.
        assert {name: getattr(record, name) for name in KINDS} == {
            name: moment and 1 + (moment > at) for name, moment in moments.items()
        }
        assert (tokens(record), record.tokens_from) == (recorded.tokens, recorded.tokens_from)
        assert (record.token_events, verdict) == (recorded.pieces, None)


@pytest.mark.parametrize("recorded", ALL, ids=lambda one: one.name)
def test_an_answer_without_its_end_is_unfinished(recorded: Recorded) -> None:
    """The end is an event, or the finish reason of the choice: without them it was cut."""
    events = [one for one in recorded.body.replace("\r", "").split("\n") if "{" in one]
    last_token = max(n for n, one in enumerate(events) if n <= recorded.last_token)
    whole = "\n\n".join(events[: last_token + 1]) + "\n\n"
    _, verdict = read(recorded, whole.encode())
    ends_at_once = '"finishReason"' in events[last_token]
    assert (verdict is None) is ends_at_once
    assert ends_at_once or verdict[0] == "unfinished"


@pytest.mark.parametrize("recorded", MESSAGES, ids=lambda one: one.name)
def test_the_first_usage_of_messages_is_no_number_of_output_tokens(recorded: Recorded) -> None:
    """It is that of one event; an answer that is cut before the last usage is counted by events."""
    cut = recorded.body.partition("event: message_delta")[0]
    record, _ = read(recorded, cut.encode())
    assert tokens(record) == (425, 300, recorded.pieces, 0)
    assert record.tokens_from == "events"


@pytest.mark.parametrize(
    ("events", "end"),
    [
        # A prompt that was refused is no answer, and its stream is whole.
        (['{"promptFeedback":{"blockReason":"SAFETY"},"usageMetadata":{"promptTokenCount":4}}'],
         None),
        (['{"candidates":[{"finishReason":"SAFETY","index":0}]}'], None),
        (['{"candidates":[{"content":{"parts":[{"text":"Hi"}]},"index":0}]}',
          '{"candidates":[{"content":{"parts":[{"text":"Ho"}]},"index":1}]}',
          '{"candidates":[{"finishReason":"STOP","index":0}]}'], "unfinished"),
        (['{"candidates":[{"content":{"parts":[{"text":"Hi"}]}}]}',
          '{"error":{"code":503,"message":"overloaded","status":"UNAVAILABLE"}}'], "failed"),
        (['{"token":{"id":3,"text":"Hi","special":false},"generated_text":null}',
          '{"error":"Request failed during generation","error_type":"generation"}'], "failed"),
        (['{"index":0,"content":"Hi","stop":false}', '{"index":1,"content":"Ho","stop":false}',
          '{"index":0,"content":"","stop":true}'], "unfinished"),
        (['{"index":0,"content":"Hi","stop":false}', '{"index":1,"content":"Ho","stop":false}',
          '{"index":0,"content":"","stop":true}', '{"index":1,"content":"","stop":true}'], None),
    ],
)  # fmt: skip
def test_the_ends_of_native_streams(events: list[str], end: str | None) -> None:
    body = "".join([f"data: {data}\n\n" for data in events])
    _, verdict = read(ALL[0], body.encode())
    assert (verdict and verdict[0]) == end


@pytest.mark.parametrize("recorded", ALL, ids=lambda one: one.name)
def test_an_answer_is_bounded_in_what_it_can_claim(recorded: Recorded) -> None:
    """Counts that are none, in place of each number."""
    for claim in ("-1", "1e99", "1.5", "true", '"9"', "null", "[]", '{"a":1}', "9" * 40):
        body = recorded.body
        for name in (
            "_tokens",
            "_count",
            "TokenCount",
            "_n",
            "_predicted",
            "_evaluated",
            "_length",
        ):
            body = _replaced(body, name, claim)
        record, verdict = read(recorded, body.encode())
        assert tokens(record) == (0, 0, recorded.pieces, 0), claim
        assert (record.tokens_from, verdict) == ("events", None)


def _replaced(body: str, name: str, claim: str) -> str:
    """The body with another value for the numbers whose names end so."""
    parts = body.split(f'{name}":')
    later = [claim + part.lstrip("0123456789") for part in parts[1:]]
    return f'{name}":'.join([parts[0], *later])


def test_reasoning_in_tags_is_text() -> None:
    """A service that does not separate its reasoning sends it as text, and so it counts."""
    chunk = {"choices": [{"index": 0, "delta": {"content": "<think>"}, "finish_reason": None}]}
    record, _ = read(ALL[0], f"data: {json.dumps(chunk)}\n\n".encode())
    assert (record.first_reasoning, record.first_token) == (0, 1)
