"""Events of models, and failures in band, in the forms of the services."""

import json
from typing import Any

import pytest

from streamserver.lab.client.failures import LENGTH, error_message, is_failure
from streamserver.lab.client.model_events import ModelEvent, read_model_event

NOTHING = ModelEvent()
TOKEN, REASONING, TOOL_CALL = (
    ModelEvent(token=True),
    ModelEvent(reasoning=True),
    ModelEvent(tool_call=True),
)
END = ModelEvent(ends=True)


def chat(**delta: Any) -> dict[str, Any]:
    """An event of a chat completion."""
    return {"id": "c", "choices": [{"index": 0, "delta": delta}]}


def typed(name: str, **members: Any) -> dict[str, Any]:
    """An event of the Responses API, or of Anthropic's messages."""
    return {"type": name, **members}


def call(**function: Any) -> list[dict[str, Any]]:
    """The tool calls of a delta."""
    return [{"index": 0, "function": function}]


THINKING = {"type": "thinking", "thinking": [{"type": "text", "text": "Hm"}]}
TEXT = {"type": "text", "text": "Hi"}

CHAT = [
    (chat(role="assistant"), NOTHING),
    (chat(role="assistant", content=""), NOTHING),
    (chat(content=""), NOTHING),
    (chat(), NOTHING),
    (chat(content="Hi"), TOKEN),
    (chat(content=" "), TOKEN),
    (chat(role="assistant", content="Hi"), TOKEN),
    (chat(content=7), NOTHING),
    (chat(refusal="No"), TOKEN),
    (chat(content=None, refusal=None), NOTHING),
    (chat(reasoning_content="Hm"), REASONING),
    (chat(reasoning_content="Hm", content=None), REASONING),
    (chat(reasoning_content=None, content="Hi"), TOKEN),
    (chat(reasoning="Hm", content=""), REASONING),
    (chat(thinking="Hm"), REASONING),
    (chat(reasoning_content="Hm", content="Hi"), ModelEvent(reasoning=True, token=True)),
    (chat(content=[THINKING]), REASONING),
    (chat(content=[{"type": "thinking", "thinking": [{"type": "text", "text": ""}]}]), NOTHING),
    (chat(content=[{"type": "thinking", "thinking": "Hm"}]), REASONING),
    (chat(content=[TEXT]), TOKEN),
    (chat(content=["Hi"]), TOKEN),
    (chat(content=[{"type": "refusal", "refusal": "No"}]), TOKEN),
    (chat(content=[THINKING, TEXT]), ModelEvent(reasoning=True, token=True)),
    (chat(content=[{"type": "reference"}, None, [[]]]), NOTHING),
    (chat(tool_calls=call(name="f", arguments="")), TOOL_CALL),
    (chat(tool_calls=call(arguments="{")), TOOL_CALL),
    (chat(tool_calls=[{"custom": {"input": "x"}}]), TOOL_CALL),
    (chat(tool_calls=call(arguments="")), NOTHING),
    (chat(content=None, tool_calls=[{}]), NOTHING),
    (chat(tool_calls=[], function_call=None), NOTHING),
    (chat(function_call={"name": "f", "arguments": ""}), TOOL_CALL),
    (chat(function_call={"arguments": "{"}), TOOL_CALL),
    ({"choices": [{"text": "Hi", "index": 0}]}, TOKEN),
    ({"choices": [{"text": "", "index": 0, "finish_reason": "stop"}]}, NOTHING),
    ({"choices": [], "usage": {"total_tokens": 3}}, NOTHING),
    ({"choices": [None, {"delta": {"content": "Hi"}}]}, TOKEN),
    ({"choices": [{"delta": {"content": ""}}, {"delta": {"content": "Hi"}}]}, TOKEN),
    (
        {"choices": [{"delta": {"reasoning": "Hm"}}, {"delta": {"tool_calls": call(name="f")}}]},
        ModelEvent(reasoning=True, tool_call=True),
    ),
]
RESPONSES = [
    (typed("response.created", response={}), NOTHING),
    (typed("response.output_text.delta", delta="Hi"), TOKEN),
    (typed("response.output_text.delta", delta=""), NOTHING),
    (typed("response.output_text.done", text="Hi"), NOTHING),
    (typed("response.refusal.delta", delta="No"), TOKEN),
    (typed("response.reasoning_text.delta", delta="Hm"), REASONING),
    (typed("response.reasoning_summary_text.delta", delta="Hm"), REASONING),
    (typed("response.output_item.added", item={"type": "function_call", "name": "f"}), TOOL_CALL),
    (typed("response.output_item.added", item={"type": "message"}), NOTHING),
    (typed("response.function_call_arguments.delta", delta="{"), TOOL_CALL),
    (typed("response.function_call_arguments.delta", delta=""), NOTHING),
    (typed("response.custom_tool_call_input.delta", delta="x"), TOOL_CALL),
    (typed("response.mcp_call_arguments.delta", delta="{"), TOOL_CALL),
    (typed("response.completed", response={}), END),
    (typed("response.incomplete", response={}), END),
    (typed("response.failed", response={}), NOTHING),
]
MESSAGES = [
    (typed("message_start", message={}), NOTHING),
    (typed("content_block_start", content_block={"type": "text", "text": ""}), NOTHING),
    (typed("content_block_start", content_block={"type": "tool_use", "name": "f"}), TOOL_CALL),
    (typed("content_block_start", content_block={"type": "server_tool_use"}), TOOL_CALL),
    (typed("content_block_delta", delta={"type": "text_delta", "text": "Hi"}), TOKEN),
    (typed("content_block_delta", delta={"type": "thinking_delta", "thinking": "Hm"}), REASONING),
    (typed("content_block_delta", delta={"type": "input_json_delta", "partial_json": "{"}),
     TOOL_CALL),
    (typed("content_block_delta", delta={"type": "input_json_delta", "partial_json": ""}), NOTHING),
    (typed("content_block_delta", delta={"type": "signature_delta", "signature": "x"}), NOTHING),
    (typed("content_block_delta", delta="?"), NOTHING),
    (typed("content_block_stop"), NOTHING),
    (typed("message_delta", delta={"stop_reason": "end_turn"}), NOTHING),
    (typed("message_stop"), END),
]  # fmt: skip
LINES = [
    ({"message": {"role": "assistant", "content": ""}, "done": False}, NOTHING),
    ({"message": {"content": "Hi"}, "done": False}, TOKEN),
    ({"message": {"content": "", "thinking": "Hm"}, "done": False}, REASONING),
    (
        {"message": {"tool_calls": [{"function": {"name": "f", "arguments": {}}}]}, "done": False},
        TOOL_CALL,
    ),
    ({"response": "Hi", "done": False}, TOKEN),
    ({"response": "", "thinking": "Hm", "done": False}, REASONING),
    ({"response": "", "done": True, "done_reason": "stop"}, END),
    ({"message": {"content": "!"}, "done": True}, ModelEvent(token=True, ends=True)),
]
OTHERS: list[dict[str, Any]] = [
    typed("ping"),
    typed("message_created", text="of a chat between people"),
    {"type": 7},
    {"text": "Hi"},
    {"seq": 3, "pad": "xx"},
    {"choices": "Hi"},
    {"choices": [None, 7]},
    {"choices": [{"id": 1, "text": "of a poll"}]},
    {"choices": []},
    {"title": "of a list of tasks", "done": False},
    {"message": "step 1", "done": False},
    {"response": "Hi", "done": "no"},
    {},
]


@pytest.mark.parametrize(("event", "expected"), [*CHAT, *RESPONSES, *MESSAGES, *LINES])
def test_an_event_of_a_model(event: dict[str, Any], expected: ModelEvent) -> None:
    found = read_model_event(json.loads(json.dumps(event)))
    assert found is not None
    assert found._replace(text="") == expected


@pytest.mark.parametrize("event", OTHERS)
def test_other_events(event: dict[str, Any]) -> None:
    assert read_model_event(event) is None


@pytest.mark.parametrize(
    ("event", "text"),
    [
        (chat(content="Hi"), "Hi"),
        (chat(reasoning_content="Hm", content=""), "Hm"),
        (chat(content=[TEXT]), ""),
        (typed("response.output_text.delta", delta="Hi"), "Hi"),
        (typed("content_block_delta", delta={"text": "Hi"}), "Hi"),
        (typed("content_block_delta", delta={"thinking": "Hm"}), "Hm"),
        ({"response": "Hi", "done": False}, "Hi"),
        (typed("message_stop"), ""),
    ],
)
def test_the_text_of_an_event(event: dict[str, Any], text: str) -> None:
    found = read_model_event(event)
    assert found is not None
    assert found.text == text


OVERLOADED = '{"id":"x","error":{"message":"overloaded","code":502},"choices":[%s]}'


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ('{"error":{"message":"overloaded"}}', "overloaded"),
        ('{ "error" : {"message" : "overloaded"} }', "overloaded"),
        ('{"\\u0065rror":{"message":"overloaded"}}', "overloaded"),
        ('{"error":"model requires more memory"}', "model requires more memory"),
        ('{"error":true,"message":"overloaded"}', "overloaded"),
        ('{"error":{"code":502}}', '{"error":{"code":502}}'),
        ('{"error":{}}', '{"error":{}}'),
        ('{"error":7}', '{"error":7}'),
        (OVERLOADED % '{"delta":{"content":""},"finish_reason":"error"}', "overloaded"),
        (OVERLOADED % "", "overloaded"),
        ('{"choices":[{"delta":{"content":""},"finish_reason":"error"}]}',
         '{"choices":[{"delta":{"content":""},"finish_reason":"error"}]}'),
        ('{"choices":[{"delta":{},"error":{"message":"overloaded"}}]}', "overloaded"),
        ('{"object":"error","message":"overloaded"}', "overloaded"),
        ('{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}',
         "Overloaded"),
        ('{"type":"error","code":"x","message":"overloaded","param":null}', "overloaded"),
        ('{"type":"error","error":{}}', '{"type":"error","error":{}}'),
        ('{"type":"response.failed","response":{"error":{"code":"x","message":"overloaded"}}}',
         "overloaded"),
        ('{"type":"response.failed","response":{"error":null}}',
         '{"type":"response.failed","response":{"error":null}}'),
        ('{"error":{"error":"nested"}}', "nested"),
        ('{"error":"' + "x" * 999 + '"}', "x" * LENGTH),
    ],
)  # fmt: skip
def test_a_failure_and_its_message(data: str, message: str) -> None:
    event = json.loads(data)
    assert is_failure(event)
    assert error_message(event, data) == message


@pytest.mark.parametrize(
    "data",
    [
        '{"error":null}',
        '{"error":false}',
        '{"error":0}',
        '{"error":""}',
        '{"errors":["x"]}',
        '{"data":{"error":"deeper"}}',
        '{"type":"response.created","response":{"error":null}}',
        '{"type":"response.incomplete","response":{"error":null}}',
        '{"choices":[{"delta":{"content":"error"},"error":null,"finish_reason":"stop"}]}',
        '{"choices":"error"}',
        '{"choices":["error"]}',
        '{"type":"errors"}',
        '{"type":["error"]}',
    ],
)
def test_no_failure(data: str) -> None:
    assert not is_failure(json.loads(data))
