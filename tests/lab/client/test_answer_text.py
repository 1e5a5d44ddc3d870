"""The text of an answer, in the events of every interface."""

import json
from typing import Any

import pytest

from streamserver.lab.client.answer_text import AnswerText


def collected(*events: Any, room: int = 100) -> str:
    """The text in the events of an answer."""
    answer = AnswerText(room)
    for event in events:
        answer.add(event if isinstance(event, str) else json.dumps(event))
    return answer.text


def choice(index: int | None = 0, **delta: object) -> dict[str, object]:
    """A chunk of chat completions."""
    return {"choices": [{"index": index, "delta": delta}]}


@pytest.mark.parametrize(
    ("events", "text"),
    [
        ([choice(role="assistant", content=""), choice(content="a"), choice(content="b")], "ab"),
        ([choice(reasoning_content="x"), choice(content="a"), "[DONE]"], "a"),
        ([choice(content="a"), choice(1, content="x"), choice(None, content="b")], "ab"),
        ([{"choices": [{"index": 0, "text": "a"}]}, {"choices": []}], "a"),
        (
            [
                {"type": "response.reasoning_text.delta", "delta": "x"},
                {"type": "response.output_text.delta", "delta": "a"},
                {"type": "response.output_text.done", "text": "a"},
            ],
            "a",
        ),
        (
            [
                {"type": "content_block_delta", "delta": {"thinking": "x"}},
                {"type": "content_block_delta", "delta": {"text": "a"}},
                {"type": "content_block_delta", "delta": {"partial_json": "x"}},
            ],
            "a",
        ),
        ([{"message": {"content": "a"}, "done": False}, {"done": True}], "a"),
        ([{"response": "a", "done": False}, {"response": "b", "done": True}], "ab"),
        (
            [
                {
                    "candidates": [
                        {"content": {"parts": [{"text": "x", "thought": True}, {"text": "a"}]}}
                    ]
                },
                {"candidates": [{"content": {"parts": [{"text": "b"}, {"text": "c"}]}}]},
            ],
            "abc",
        ),
        ([{"token": {"id": 1, "text": "a", "special": False}, "generated_text": None}], "a"),
        ([{"content": "a", "stop": False}, {"content": "", "stop": True}], "a"),
        (["text", "{", '["a"]', {"choices": [1]}, {"choices": {}}], ""),
        ([choice(tool_calls=[{"function": {"name": "f"}}])], ""),
    ],
)
def test_the_text(events: list[Any], text: str) -> None:
    assert collected(*events) == text


def test_a_character_that_two_events_share_is_joined() -> None:
    otter = json.dumps("\N{OTTER}")
    assert otter == '"\\ud83e\\udda6"'
    halves = ['{"content":"\\ud83e","stop":false}', '{"content":"\\udda6","stop":false}']
    assert collected(*halves) == "\N{OTTER}"
    assert collected(halves[0]) == "\N{REPLACEMENT CHARACTER}"


def test_a_text_that_is_too_long_is_discarded() -> None:
    assert collected(choice(content="abc"), room=3) == "abc"
    assert collected(choice(content="abc"), choice(content="d"), choice(content="e"), room=3) == ""
