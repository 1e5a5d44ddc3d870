"""Chat completions: the chunks of a stream amount to the whole completion."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamserver.lab.model.asked import Asked, Message, Tool
from streamserver.lab.model.generation import generate
from streamserver.lab.model.interface import ENDING, OPENING
from streamserver.lab.model.logprobs import ranked
from streamserver.lab.model.openai.chat import ChatWriter
from streamserver.lab.model.text import REASONING, REFUSAL, tokenize
from support.model import PROMPT, TOKENS

CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOLS = [Tool("weather", CITY), Tool("time", CITY)]


def writer(commands: dict[str, Any] | None = None, **members: Any) -> ChatWriter:
    asked = Asked("m", [Message("user", PROMPT)], **{"include_usage": False, **members})
    return ChatWriter(asked, generate(asked, **(commands or {})))


def chunks(written: ChatWriter) -> Iterator[dict[str, Any]]:
    *frames, done = [frame.data for _, frame in written.frames()]
    assert done == "[DONE]"
    yield from map(json.loads, frames)


def choices(written: ChatWriter, index: int = 0) -> list[dict[str, Any]]:
    """The choices of the chunks of one choice."""
    found = [choice for chunk in chunks(written) for choice in chunk["choices"]]
    return [choice for choice in found if choice["index"] == index]


def joined(parts: list[dict[str, Any]]) -> dict[str, Any]:
    """The choice of a whole completion, of those of its chunks."""
    message: dict[str, Any] = {"content": None, "refusal": None}
    logprobs: dict[str, list[Any] | None] | None = None
    for part in parts:
        for name, value in part["delta"].items():
            if name == "tool_calls":
                for call in value:
                    add_call(message.setdefault(name, []), call)
            elif name == "role" or message.get(name) is None:
                message[name] = value
            else:
                message[name] += value
        for name, value in (part["logprobs"] or {}).items():
            logprobs = logprobs or {"content": None, "refusal": None}
            logprobs[name] = (logprobs[name] or []) + value if value else logprobs[name]
    reason = parts[-1]["finish_reason"]
    assert [part["finish_reason"] for part in parts[:-1]] == [None] * (len(parts) - 1)
    index = parts[0]["index"]
    return {"index": index, "message": message, "logprobs": logprobs, "finish_reason": reason}


def add_call(calls: list[dict[str, Any]], delta: dict[str, Any]) -> None:
    index = delta.pop("index")
    if index == len(calls):
        assert delta["function"]["arguments"] == ""
        calls.append(delta)
    else:
        calls[index]["function"]["arguments"] += delta["function"]["arguments"]


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "choices": st.integers(1, 3),
            "max_tokens": st.integers(1, 40),
            "seed": st.integers(0, 3),
            "stop": st.sampled_from([[" a"], ["no such text"]]),
            "top_logprobs": st.integers(0, 3),
            "tools": st.just(TOOLS),
            "tool_choice": st.sampled_from(["auto", "none", "required"]),
            "parallel_tool_calls": st.booleans(),
            "schema": st.sampled_from([{}, CITY]),
            "reasoning": st.just(True),
            "include_usage": st.booleans(),
            "continuous_usage": st.booleans(),
        },
    ),
    st.fixed_dictionaries({}, optional={"refuse": st.booleans(), "tokens": st.integers(1, 9)}),
)
def test_chunks_amount_to_the_whole(members: dict[str, Any], commands: dict[str, Any]) -> None:
    written = writer(commands, **members)
    whole = written.whole()
    indices = range(members.get("choices", 1))
    assert [joined(choices(written, index)) for index in indices] == whole["choices"]
    if members.get("include_usage"):
        *_, last = chunks(written)
        assert (last["choices"], last["usage"]) == ([], whole["usage"])


# The chunks


def deltas(written: ChatWriter) -> list[dict[str, Any]]:
    return [choice["delta"] for choice in choices(written)]


def test_a_call_begins_with_its_name() -> None:
    written = writer(tools=TOOLS)
    first, second = written.answer.choices[0].parts
    role, *rest, last = deltas(written)
    assert role == {"role": "assistant", "content": None}
    assert last == {}
    begins = [n for n, delta in enumerate(rest) if "id" in delta["tool_calls"][0]]
    assert begins == [0, 1 + len(first.tokens)]
    assert rest[0]["tool_calls"] == [
        {
            "index": 0,
            "id": f"call_{first.call_id}",
            "type": "function",
            "function": {"name": "weather", "arguments": ""},
        }
    ]
    calls = [delta["tool_calls"][0] for delta in rest]
    assert [call["index"] for call in calls[begins[1] :]] == [1] * (1 + len(second.tokens))
    assert calls[1] == {"index": 0, "function": {"arguments": first.tokens[0]}}


def test_reasoning_precedes_the_content() -> None:
    found = deltas(writer({"reasoning_tokens": 3}, max_tokens=5))
    reasoning = [{"reasoning_content": token} for token in tokenize(REASONING)[:3]]
    content = [{"content": token} for token in TOKENS[:2]]
    assert found == [{"role": "assistant", "content": ""}, *reasoning, *content, {}]


def test_a_refusal() -> None:
    written = writer({"refuse": True})
    refusal = [{"refusal": token} for token in tokenize(REFUSAL)]
    assert deltas(written) == [{"role": "assistant", "content": None}, *refusal, {}]
    message = written.whole()["choices"][0]["message"]
    assert message == {"role": "assistant", "content": None, "refusal": REFUSAL}


def test_frames_belong_to_the_steps_of_their_tokens() -> None:
    """The name of a tool leaves with the first token of the call."""
    written = writer(tools=TOOLS, parallel_tool_calls=False, choices=2, max_tokens=2)
    steps = [step for step, _ in written.frames()]
    assert steps == [OPENING] * 2 + [0] * 4 + [1] * 2 + [ENDING] * 3


def test_usage_in_every_chunk() -> None:
    written = writer(include_usage=True, continuous_usage=True, max_tokens=2, choices=2)
    counts = [chunk["usage"]["completion_tokens"] for chunk in chunks(written)]
    assert counts == [0, 0, 1, 2, 3, 4, 4, 4, 4]


def test_usage_counts_reasoning_and_cached_tokens() -> None:
    usage = writer({"reasoning_tokens": 7}).whole()["usage"]
    assert usage["completion_tokens_details"] == {"reasoning_tokens": 7}
    assert usage["completion_tokens"] == 7 + len(TOKENS)
    assert usage["prompt_tokens_details"] == {"cached_tokens": 0}


# Log probabilities


def test_log_probabilities() -> None:
    written = writer(top_logprobs=3)
    listed = written.whole()["choices"][0]["logprobs"]["content"]
    assert [one["token"] for one in listed] == TOKENS
    for one in listed:
        assert bytes(one["bytes"]).decode() == one["token"]
        top = one["top_logprobs"]
        assert [sorted(one) for one in top] == [["bytes", "logprob", "token"]] * 3
        assert top[0] == {name: one[name] for name in top[0]}


@given(st.text(), st.integers(0, 10**6), st.integers(0, 19))
def test_ranks(token: str, position: int, alternatives: int) -> None:
    found = ranked(token, position, alternatives)
    assert found == ranked(token, position, alternatives)
    assert (found[0].token, len(found)) == (token, 1 + alternatives)
    assert len({one.token for one in found}) == len(found)
    logprobs = [one.logprob for one in found]
    assert logprobs == sorted(logprobs, reverse=True)
    assert all(logprob <= 0 for logprob in logprobs)
    assert sum([2.718281828**one for one in logprobs]) <= 1.000001


@pytest.mark.parametrize("kind", ["content", "refusal"])
def test_log_probabilities_are_those_of_the_text(kind: str) -> None:
    written = writer({"refuse": kind == "refusal"}, top_logprobs=0)
    logprobs = written.whole()["choices"][0]["logprobs"]
    other = {"content": "refusal", "refusal": "content"}[kind]
    assert logprobs[other] is None
    assert all(one["top_logprobs"] == [] for one in logprobs[kind])
