"""The events of a response: milestones, the end of an answer, a failure in band."""

import json
import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamserver.lab.client import tracker as tracker_module
from streamserver.lab.client.failures import ErrorData
from streamserver.lab.client.record import Record
from streamserver.lab.client.request import parse_object
from streamserver.lab.client.tracker import StreamTracker

PING = '{"type":"ping"}'
DONE = "[DONE]"


def chat(index: int = 0, finish: str | None = None, **delta: Any) -> str:
    """An event of a chat completion."""
    choice = {"index": index, "delta": delta, "finish_reason": finish}
    return json.dumps({"id": "c", "choices": [choice]})


def text(content: str) -> str:
    """A piece of text in Anthropic's interface."""
    return json.dumps({"type": "content_block_delta", "delta": {"text": content}})


ROLE, HI, STOP = chat(role="assistant", content=""), chat(content="Hi"), chat(finish="stop")
ONE, ONE_STOP = chat(1, content="Ho"), chat(1, "length")
USAGE = '{"id":"c","choices":[],"usage":{"total_tokens":3}}'
ERROR = '{"error":{"message":"overloaded"}}'
LINE, LAST = '{"response":"Hi","done":false}', '{"response":"","done":true}'


def tracked(*events: str) -> tuple[StreamTracker, Record]:
    """Examine events; the first at time 1, the next at 2."""
    record = Record()
    tracker = StreamTracker(record)
    for now, data in enumerate(events, 1):
        tracker.examine(data, now)
    return tracker, record


def end_of(*events: str) -> str:
    """The end of an exchange with these events."""
    verdict = tracked(*events)[0].verdict()
    return verdict[0] if verdict else "complete"


@pytest.mark.parametrize(
    ("events", "end"),
    [
        ([], "complete"),
        (["1", "2", ""], "complete"),
        ([PING], "complete"),
        ([ROLE, HI, STOP, DONE], "complete"),
        ([ROLE, HI, DONE], "complete"),
        ([ROLE, HI], "unfinished"),
        ([ROLE], "unfinished"),
        ([HI, chat(finish="")], "unfinished"),
        # Later events do not undo an end.
        ([ROLE, HI, STOP], "complete"),
        ([ROLE, HI, STOP, USAGE], "complete"),
        ([HI, STOP, chat()], "complete"),
        ([HI, STOP, chat(content="late")], "complete"),
        ([HI, chat(content="!", finish="stop")], "complete"),
        ([HI, DONE, PING, HI, "x"], "complete"),
        ([HI, DONE, ERROR], "complete"),
        ([HI, " [DONE]"], "complete"),
        ([HI, "[DONE] \t"], "complete"),
        ([HI, "[DONE]x"], "unfinished"),
        ([text("Hi"), '{"type":"message_stop"}', PING, "keepalive"], "complete"),
        ([text("Hi"), '{"type":"message_delta","delta":{"stop_reason":"x"}}'], "unfinished"),
        (['{"type":"response.created"}', '{"type":"response.completed"}', PING], "complete"),
        (['{"type":"response.incomplete","response":{"error":null}}'], "complete"),
        (['{"type":"response.created"}'], "unfinished"),
        # Each choice has its own end.
        ([HI, ONE, STOP], "unfinished"),
        ([HI, ONE, STOP, ONE_STOP], "complete"),
        ([HI, STOP, ONE], "unfinished"),
        ([HI, STOP, ONE, ONE_STOP], "complete"),
        ([HI, HI, HI, ONE, STOP], "unfinished"),
        ([HI, ONE, STOP, DONE], "complete"),
        # JSON lines.
        ([LINE, LAST], "complete"),
        ([LINE, LINE], "unfinished"),
        ([LINE, '{"error":"model requires more memory"}'], "failed"),
        (['{"status":"pulling"}', '{"status":"success"}'], "complete"),
        # Failures in band.
        ([ERROR], "failed"),
        ([ERROR, DONE], "failed"),
        ([HI, ERROR, STOP, DONE], "failed"),
        ([HI, STOP, ERROR], "failed"),
        ([f"  {ERROR}"], "failed"),
        (["1", "2", *[PING] * 20, ERROR, "3"], "failed"),
        ([HI, *[HI] * 20, chat(finish="error")], "failed"),
        ([HI, HI, '{"\\u0065rror":"x"}'], "failed"),
        (["1", '{"\\u0065rror":"x"}'], "failed"),
        ([ErrorData("")], "failed"),
        (["1", ErrorData("overloaded"), "2"], "failed"),
        ([HI, STOP, ErrorData("{}")], "failed"),
        (['{"error":null}', HI, '{"error":null,"choices":[]}', STOP], "complete"),
        # Invalid JSON decides nothing.
        (['{"error"', '{"choices":', "{" + '"a":{' * 100_000, '["error"]'], "complete"),
    ],
)  # fmt: skip
def test_the_end_of_a_stream_of_events(events: list[str], end: str) -> None:
    assert end_of(*events) == end


@pytest.mark.parametrize(
    ("events", "detail"),
    [
        ([HI, ERROR], "in band: overloaded"),
        ([ErrorData("overloaded")], "in band: overloaded"),
        ([ErrorData(ERROR)], "in band: overloaded"),
        ([ErrorData('{"code":7}')], 'in band: {"code":7}'),
        ([ErrorData("")], "in band: without a message"),
        ([ERROR, '{"error":"a second one"}'], "in band: overloaded"),
        ([HI, "x" * 999], f"its last event is not the end of an answer: '{'x' * 80}'"),
    ],
)
def test_the_reason_is_bounded_and_of_the_first_failure(events: list[str], detail: str) -> None:
    verdict = tracked(*events)[0].verdict()
    assert verdict is not None
    assert verdict[1] == detail


THINKING = {"type": "thinking", "thinking": [{"type": "text", "text": "Hm"}]}
CALL = [{"function": {"name": "f", "arguments": ""}}]


@pytest.mark.parametrize(
    ("events", "reasoning", "token", "tool_call"),
    [
        ([ROLE, HI, HI, DONE], 0, 2, 0),
        ([ROLE, chat(reasoning_content="Hm"), chat(reasoning_content="Hm"), HI], 2, 4, 0),
        ([chat(content=[THINKING]), chat(content=[{"type": "text", "text": "Hi"}])], 1, 2, 0),
        ([chat(content=[THINKING, {"type": "text", "text": "Hi"}])], 1, 1, 0),
        ([chat(refusal="No")], 0, 1, 0),
        ([chat(tool_calls=CALL), chat(tool_calls=CALL)], 0, 0, 1),
        # Each is independent of the others.
        ([HI, HI, HI, chat(tool_calls=CALL)], 0, 1, 4),
        ([HI, HI, HI, chat(reasoning="Hm")], 4, 1, 0),
        ([chat(tool_calls=CALL), HI], 0, 2, 1),
        (["{}", *[PING] * 5_000, HI], 0, 5_002, 0),
        ([text("Hi"), text("Hi"), '{"type":"content_block_delta","delta":{"partial_json":"{"}}'],
         0, 1, 3),
        ([HI, DONE, chat(tool_calls=CALL)], 0, 1, 0),
        ([ERROR, HI], 0, 0, 0),
    ],
)  # fmt: skip
def test_milestones(events: list[str], reasoning: int, token: int, tool_call: int) -> None:
    _, record = tracked(*events)
    found = record.first_reasoning, record.first_token, record.first_tool_call
    assert found == (reasoning, token, tool_call)


def test_tracking_takes_constant_memory() -> None:
    tracker, _ = tracked()

    def examine(numbers: range) -> int:
        for n in numbers:
            for data in (chat(n, content="Hi"), chat(-n, "stop"), PING):
                tracker.examine(data, n)
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        before = examine(range(200))
        assert examine(range(200, 2000)) < before + 5_000
    finally:
        tracemalloc.stop()


def test_only_events_that_may_matter_are_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: list[str] = []
    parse = parse_object

    def count(data: str) -> dict[str, Any] | None:
        parsed.append(data)
        return parse(data)

    monkeypatch.setattr(tracker_module, "parse_object", count)
    tick, thought, stop = '{"seq":1,"error_count":0}', chat(reasoning="Hm"), chat(finish="stop")
    tracked(*[tick] * 100, *[thought] * 100, *[chat(content=f"w{n}") for n in range(100)], stop)
    assert parsed == [thought, chat(content="w0"), stop]


EVENTS = st.sampled_from(
    [
        *(ROLE, HI, chat(content="there"), chat(content='"'), STOP, ONE, ONE_STOP, USAGE),
        *(chat(reasoning="Hm"), chat(reasoning="so"), chat(tool_calls=CALL), DONE, ERROR),
        *(text("Hi"), text("there"), '{"type":"message_stop"}', PING, ErrorData("no")),
        *(LINE, LAST, "1", '{"n":1}'),
        *[f'{{"index":0,"content":"{word}","stop":false}}' for word in ("a", "", "b")],
        '{"index":0,"content":"","stop":true,"tokens_predicted":2,"tokens_evaluated":9}',
        '{"token":{"id":3,"text":"a","special":false},"generated_text":null}',
        '{"token":{"id":3,"text":"</s>","special":true},"details":{"generated_tokens":2}}',
        '{"candidates":[{"content":{"parts":[{"text":"a","thought":true}]}}]}',
        '{"candidates":[{"finishReason":"STOP"}],"usageMetadata":{"candidatesTokenCount":5}}',
        '{"promptFeedback":{"blockReason":"OTHER"}}',
        '{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":4}}',
        '{"type":"message_delta","usage":{"output_tokens":7}}',
    ]
)


@given(st.lists(EVENTS, max_size=12))
def test_an_event_that_is_not_parsed_would_not_matter(events: list[str]) -> None:
    """An escape in an event causes it to be parsed, without a change of its meaning."""

    def escaped(data: str) -> str:
        if isinstance(data, ErrorData) or not data.startswith("{"):
            return data
        return '{"\\u0061":0,' + data[1:]

    tracker, record = tracked(*events)
    thorough, expected = tracked(*map(escaped, events))
    assert record == expected
    quick, careful = StreamTracker(Record()), StreamTracker(Record())
    for data in events:
        assert quick.examine(data, 1) is careful.examine(escaped(data), 1)
    assert (tracker.verdict() or " ")[0] == (thorough.verdict() or " ")[0]
