"""Requests for Ollama's chats and completions: what is read, and what is refused by name."""

from typing import Any

import pytest

from streamserver.lab.model.asked import Asked, Message, Tool
from streamserver.lab.model.ollama.requests import completion_request, ollama_chat_request
from streamserver.wire.problem import HTTPError
from support.model import MODEL, PROMPT

USER = {"role": "user", "content": PROMPT}
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}
TOOL = {
    "type": "function",
    "function": {"name": "weather", "description": "Now.", "parameters": SCHEMA},
}


def chat(**changes: Any) -> dict[str, Any]:
    return {"model": MODEL, "messages": [USER], **changes}


def message(**members: Any) -> dict[str, Any]:
    """A chat whose second message has these members."""
    return chat(messages=[USER, members])


def prompt(**changes: Any) -> dict[str, Any]:
    return {"model": MODEL, "prompt": PROMPT, **changes}


# What is read


def test_the_least_requests() -> None:
    """A stream is the default."""
    least = Asked(
        MODEL, [Message("user", PROMPT)], stream=True, stop=[], tools=[], schema_name="format",
        without_effect=[],
    )  # fmt: skip
    assert ollama_chat_request(chat()) == least
    assert completion_request(prompt(system="", template=None)).conversation == least.conversation


@pytest.mark.parametrize(
    ("changes", "read"),
    [
        ({"stream": False, "tokens_per_second": 7}, {"stream": False, "tokens_per_second": 7}),
        ({"options": {"num_predict": 5, "seed": 0, "stop": "a"}},
         {"max_tokens": 5, "seed": 0, "stop": ["a"]}),
        ({"options": {"num_predict": -1, "stop": ["a", "b"]}},
         {"max_tokens": None, "seed": None, "stop": ["a", "b"]}),
        ({"options": {"num_predict": -2, "temperature": 0, "num_ctx": 8192}, "keep_alive": -1},
         {"max_tokens": None,
          "without_effect": ["keep_alive", "options.temperature", "options.num_ctx"]}),
        ({"think": False}, {"reasoning": False}),
        ({"think": True}, {"reasoning": True, "reasoning_tokens": None}),
        ({"think": "low"}, {"reasoning": True, "reasoning_tokens": 24}),
        ({"logprobs": False}, {"top_logprobs": None}),
        ({"logprobs": True}, {"top_logprobs": 0}),
        ({"logprobs": True, "top_logprobs": 3}, {"top_logprobs": 3}),
        ({"format": ""}, {"schema": None}),
        ({"format": "json"}, {"schema": {}}),
        ({"format": SCHEMA}, {"schema": SCHEMA}),
    ],
)  # fmt: skip
def test_members_of_both(changes: dict[str, Any], read: dict[str, Any]) -> None:
    for asked in (ollama_chat_request(chat(**changes)), completion_request(prompt(**changes))):
        assert {name: getattr(asked, name) for name in read} == read


def test_tools() -> None:
    asked = ollama_chat_request(chat(tools=[TOOL]))
    assert asked.tools == [Tool("weather", SCHEMA, "Now.")]
    assert (asked.tool_choice, asked.parallel_tool_calls) == ("auto", True)


def test_the_messages_of_a_chat() -> None:
    call = {"id": "1", "function": {"index": 0, "name": "weather", "arguments": {"city": "Ulm"}}}
    given = [
        {"role": "system", "content": "Be brief."},
        USER | {"images": ["AAAA", "AAA="]},
        {"role": "assistant", "content": "", "thinking": "hm", "tool_calls": [call]},
        {"role": "tool", "tool_name": "weather", "content": "sun"},
    ]
    assert ollama_chat_request(chat(messages=given)).conversation == [
        Message("system", "Be brief."),
        Message("user", PROMPT, 2),
        Message("assistant", 'weather{"city":"Ulm"}'),
        Message("tool", "sun"),
    ]


def test_a_prompt_with_all_that_belongs_to_it() -> None:
    asked = completion_request(
        prompt(system="Be brief.", images=["AAAA"], raw=True, template="x", context=[1])
    )
    assert asked.conversation == [Message("system", "Be brief."), Message("user", PROMPT, 1)]
    assert asked.without_effect == ["raw", "template", "context"]


@pytest.mark.parametrize("members", [{}, {"messages": []}])
def test_a_chat_without_messages(members: dict[str, Any]) -> None:
    assert ollama_chat_request({"model": MODEL, **members}).max_tokens == 0


@pytest.mark.parametrize("members", [{}, {"prompt": ""}, {"options": {"num_predict": 5}}])
def test_a_completion_without_a_prompt(members: dict[str, Any]) -> None:
    assert completion_request({"model": MODEL, **members}).max_tokens == 0


# What is refused


@pytest.mark.parametrize(
    ("given", "parameter", "detail"),
    [
        (chat(model=None), "model", "model is missing"),
        (chat(stream=1), "stream", "true or false"),
        (chat(prompt="a"), "prompt", "'prompt' is not served"),
        (chat(tool_choice="none"), "tool_choice", "not served"),
        (chat(logprobs=1), "logprobs", "true or false"),
        (chat(logprobs=True, top_logprobs=21), "top_logprobs", "from 0 to 20"),
        (chat(top_logprobs=1), "top_logprobs", "left out unless logprobs is true"),
        (chat(messages={}), "messages", "a list of up to 10000 messages"),
        (chat(messages=["a"]), "messages[0]", "an object"),
        (message(role="developer", content="a"), "messages[1].role", "one of system, user, assi"),
        (message(role="user", content=["a"]), "messages[1].content", "a text"),
        (message(role="user", name="a"), "messages[1].name", "not served"),
        (message(role="user", images=["!"]), "messages[1].images[0]", "an image in base64"),
        (message(role="user", images=[1]), "messages[1].images[0]", "a text"),
        (message(role="assistant", tool_calls=[{}]), "messages[1].tool_calls[0].function",
         "an object"),
        (message(role="assistant", tool_calls=[{"function": {"name": "a", "arguments": "{}"}}]),
         "messages[1].tool_calls[0].function.arguments", "an object"),
        (chat(tools=[{"type": "web"}]), "tools[0].type", "function"),
        (chat(options=[]), "options", "an object"),
        (chat(options={"num_predict": 1.5}), "options.num_predict", "a whole number"),
        (chat(options={"seed": "a"}), "options.seed", "a whole number"),
        (chat(options={"stop": [""]}), "options.stop[0]", "a text of 1 to 1000"),
        (chat(options={"temprature": 1}), "options.temprature", "(did you mean 'temperature'?)"),
        (chat(think="hard"), "think", "true, false or one of low, medium, high"),
        (chat(think=1), "think", "true, false or one of low, medium, high"),
        (chat(format="yaml"), "format", "json, or a JSON Schema"),
        (chat(format=["json"]), "format", "json, or a JSON Schema"),
    ],
)  # fmt: skip
def test_a_wrong_member_of_a_chat(given: dict[str, Any], parameter: str, detail: str) -> None:
    with pytest.raises(HTTPError) as raised:
        ollama_chat_request(given)
    assert (raised.value.status, raised.value.members["parameter"]) == (400, parameter)
    assert parameter in raised.value.detail
    assert detail in raised.value.detail


@pytest.mark.parametrize(
    ("given", "parameter", "detail"),
    [
        (prompt(prompt=1), "prompt", "a text"),
        (prompt(system=1), "system", "a text"),
        (prompt(suffix="a"), "suffix", "'suffix' is not served"),
        (prompt(width=512), "width", "'width' is not served"),
        (prompt(messages=[]), "messages", "not served"),
        (prompt(images="AAAA"), "images", "a list of up to 100 images"),
    ],
)
def test_a_wrong_member_of_a_completion(given: dict[str, Any], parameter: str, detail: str) -> None:
    with pytest.raises(HTTPError) as raised:
        completion_request(given)
    assert (raised.value.status, raised.value.members["parameter"]) == (400, parameter)
    assert detail in raised.value.detail
