"""What is a token, in the interfaces that services share."""

import json
from typing import Any

import pytest

from streamserver.lab.client.tokens import is_the_end, kind_of, tells_of_an_error


def chat(**delta: Any) -> str:
    """An event of a chat completion."""
    return json.dumps({"id": "c", "choices": [{"index": 0, "delta": delta}]})


def typed(name: str, **members: Any) -> str:
    """An event of the Responses API, or of Anthropic's messages."""
    return json.dumps({"type": name, **members})


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (chat(role="assistant"), "other"),
        (chat(role="assistant", content=""), "other"),
        (chat(content=""), "other"),
        (chat(content=None, tool_calls=[{}]), "other"),
        (chat(), "other"),
        (chat(content="Hi"), "token"),
        (chat(content=" "), "token"),
        (chat(role="assistant", content="Hi"), "token"),
        (chat(reasoning_content="Hm"), "reasoning"),
        (chat(reasoning="Hm", content=""), "reasoning"),
        ('{"choices":[{"text":"Hi","index":0}]}', "token"),
        ('{"choices":[{"text":"","index":0,"finish_reason":"stop"}]}', "other"),
        ('{"choices":[],"usage":{"total_tokens":3}}', "other"),
        ('{"choices":[null,7]}', "other"),
        ('{"choices":[{"delta":{"content":""}},{"delta":{"content":"Hi"}}]}', "token"),
        (typed("response.created", response={}), "other"),
        (typed("response.output_text.delta", delta="Hi"), "token"),
        (typed("response.output_text.delta", delta=""), "other"),
        (typed("response.output_text.done", text="Hi"), "other"),
        (typed("response.reasoning_summary_text.delta", delta="Hm"), "reasoning"),
        (typed("response.completed", response={}), "other"),
        (typed("message_start", message={}), "other"),
        (typed("content_block_start", content_block={"type": "text", "text": ""}), "other"),
        (typed("content_block_delta", delta={"type": "text_delta", "text": "Hi"}), "token"),
        (typed("content_block_delta", delta={"type": "thinking_delta", "thinking": "Hm"}),
         "reasoning"),
        (typed("content_block_delta", delta={"type": "input_json_delta", "partial_json": "{"}),
         "other"),
        (typed("content_block_delta", delta="?"), "other"),
        (typed("ping"), "none"),
        ("[DONE]", "none"),
        ("", "none"),
        ("Hi", "none"),
        ('{"text":"Hi"}', "none"),
        ('{"seq":3,"pad":"xx"}', "none"),
        ('{"choices":"Hi"}', "none"),
        ('{"type":7}', "none"),
        ('{"cut', "none"),
        ("[" * 100_000, "none"),
        ("{" + '"a":{' * 100_000, "none"),
    ],
)  # fmt: skip
def test_the_kind_of_an_event(data: str, kind: str) -> None:
    assert kind_of(data) == kind


@pytest.mark.parametrize(
    ("data", "ends"),
    [
        ("[DONE]", True),
        (typed("message_stop"), True),
        (typed("response.completed", response={}), True),
        (typed("response.incomplete", response={}), True),
        (typed("response.failed", response={}), False),
        (typed("content_block_stop"), False),
        (chat(content="Bye"), False),
        ('{"choices":[{"delta":{},"finish_reason":"stop"}]}', False),
        ("", False),
    ],
)
def test_what_ends_an_answer(data: str, ends: bool) -> None:
    assert is_the_end(data) is ends


@pytest.mark.parametrize(
    ("data", "tells"),
    [
        ('{"error":{"message":"overloaded"}}', True),
        ('{"error": "overloaded"}', True),
        ('{"type":"error","error":{}}', True),
        ('{"type": "error", "error": {}}', True),
        ('{"errors":0}', False),
        (chat(content='{"error"'), False),
    ],
)
def test_an_event_that_tells_of_an_error(data: str, tells: bool) -> None:
    assert tells_of_an_error(data) is tells
