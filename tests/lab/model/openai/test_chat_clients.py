"""The official clients of chat completions: in Python, in node, and the AI SDK."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from streamserver.lab.model.text import REASONING, REFUSAL, tokenize
from streamserver.lab.target.app import make_target
from support import peers
from support.inprocess import Serve, Served
from support.model import PROMPT, TEXT, TOKENS
from support.node_cases import run_node
from support.openai_client import client_of

CLIENTS = Path(__file__).with_name("chat_clients.cjs")
ASKED: dict[str, Any] = {
    "model": "gpt-4o",
    "messages": [{"role": "user", "content": PROMPT}],
    "extra_headers": {"X-Lab-Tokens-Per-Second": "5000"},
}
CITY = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "unit": {"enum": ["C", "F"]}},
    "required": ["city", "unit"],
    "additionalProperties": False,
}
TOOLS = [
    {"type": "function", "function": {"name": name, "parameters": CITY, "strict": True}}
    for name in ("weather", "forecast", "news")
]


@pytest.fixture
async def target(serve: Serve) -> Served:
    return await serve(make_target())


@pytest.fixture
async def client(target: Served) -> AsyncIterator[Any]:
    async with client_of(target.url) as client:
        yield client


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"n": 2},
        {"tools": TOOLS},
        {"tools": TOOLS, "tool_choice": "required", "parallel_tool_calls": False},
        {"logprobs": True, "top_logprobs": 2},
        {"response_format": {"type": "json_object"}},
        {"reasoning_effort": "low"},
        {"extra_query": {"refuse": "1"}},
        {"extra_body": {"min_tokens": 120}, "stop": ["no such text"], "seed": 7},
    ],
    ids=str,
)
async def test_the_helper_for_streams(client: Any, members: dict[str, Any]) -> None:
    """It gathers the same completion as the one that is not streamed."""
    whole = await client.chat.completions.create(**ASKED, **members)
    options = {"stream_options": {"include_usage": True}}
    async with client.chat.completions.stream(**ASKED, **members, **options) as stream:
        kinds = {event.type async for event in stream}
        gathered = await stream.get_final_completion()
    assert "chunk" in kinds
    plain, other = (one.model_dump(exclude_none=True) for one in (whole, gathered))
    for one in (plain, other):
        del one["id"], one["created"], one["object"]
        for choice in one["choices"]:
            for call in choice["message"].get("tool_calls") or ():
                for added in ("index", "parsed_arguments"):
                    call.pop(added, None)
                    call["function"].pop(added, None)
            if not choice["message"].get("tool_calls"):
                choice["message"].pop("tool_calls", None)
    assert other == plain


async def test_lengths(client: Any) -> None:
    exact = {"ignore_eos": True, "max_tokens": 130}
    completion = await client.chat.completions.create(**ASKED, extra_body=exact)
    assert completion.usage.completion_tokens == 130
    with pytest.raises(peers.module("openai").LengthFinishReasonError):
        async with client.chat.completions.stream(**ASKED, max_tokens=3) as stream:
            await stream.get_final_completion()


async def test_tools_of_pydantic_models(client: Any) -> None:
    from pydantic import BaseModel, Field

    openai = peers.module("openai")

    class Weather(BaseModel):
        """The weather of a city."""

        city: str
        days: int = Field(ge=1, le=7)
        units: list[str] | None

    tool = openai.pydantic_function_tool(Weather)
    choice = {"type": "function", "function": {"name": "Weather"}}
    completion = await client.chat.completions.parse(**ASKED, tools=[tool], tool_choice=choice)
    (call,) = completion.choices[0].message.tool_calls
    assert isinstance(call.function.parsed_arguments, Weather)
    assert completion.choices[0].finish_reason == "tool_calls"


async def test_structured_outputs_of_pydantic_models(client: Any) -> None:
    from datetime import date
    from enum import Enum

    from pydantic import BaseModel, Field

    class Color(Enum):
        RED = "red"
        BLUE = "blue"

    class Node(BaseModel):
        name: str = Field(pattern="^[a-z]{3,8}$")
        color: Color
        born: date | None
        weight: float = Field(gt=0, multiple_of=0.5)
        children: "list[Node]" = Field(min_length=1, max_length=2)

    class Leafy(BaseModel):
        roots: list[Color | int]
        node: "Node | None"

    completion = await client.chat.completions.parse(**ASKED, response_format=Leafy)
    assert isinstance(completion.choices[0].message.parsed, Leafy)
    with pytest.raises(peers.module("openai").BadRequestError, match="has no value that ends"):
        await client.chat.completions.parse(**ASKED, response_format=Node)


async def test_reasoning_and_usage(client: Any) -> None:
    completion = await client.chat.completions.create(**ASKED, reasoning_effort="high")
    message = completion.choices[0].message
    assert message.model_extra["reasoning_content"] == REASONING
    assert (message.content, completion.model) == (TEXT, "gpt-4o")
    usage = completion.usage
    reasoning = len(tokenize(REASONING))
    assert usage.completion_tokens_details.reasoning_tokens == reasoning
    assert usage.completion_tokens == reasoning + len(TOKENS)
    assert usage.prompt_tokens_details.cached_tokens == 0


async def test_a_loop_of_tools_ends(client: Any) -> None:
    messages: list[Any] = [{"role": "user", "content": PROMPT}]
    rounds = 0
    while True:
        asked = ASKED | {"messages": messages}
        completion = await client.chat.completions.create(**asked, tools=TOOLS)
        message = completion.choices[0].message
        if not message.tool_calls:
            break
        rounds += 1
        messages.append(message.model_dump(exclude_none=True))
        messages += [
            {"role": "tool", "tool_call_id": call.id, "content": "rain"}
            for call in message.tool_calls
        ]
    assert rounds == 1
    assert f"“{PROMPT}”" in message.content


async def test_members_without_effect_are_named(client: Any) -> None:
    answer = await client.chat.completions.with_raw_response.create(
        **ASKED, temperature=0.2, top_p=0.9, user="me"
    )
    assert answer.headers["x-lab-without-effect"] == "temperature, top_p, user"
    with pytest.raises(peers.module("openai").BadRequestError, match="'audio' is not served") as no:
        await client.chat.completions.create(**ASKED, extra_body={"audio": {"voice": "alloy"}})
    assert no.value.param == "audio"


async def test_node_clients(target: Served) -> None:
    at: dict[str, Any] = {
        "baseURL": f"{target.url}/v1",
        "prompt": PROMPT,
        "schema": CITY,
        "headers": {"X-Lab-Tokens-Per-Second": "5000"},
    }
    refusing = at | {"headers": at["headers"] | {"X-Lab-Refuse": "1"}}
    calls = [
        *[(name, at) for name in ("streamed", "whole", "called", "formed", "choices", "refused")],
        ("refused", refusing),
        *[(name, at) for name in ("sdkText", "sdkAgent", "sdkObject", "sdkReasoning")],
        ("unserved", at),
    ]
    results = await run_node(CLIENTS, calls, "openai", "ai", "@ai-sdk/openai")
    *values, unserved = results
    streamed, whole, called, formed, choices, answered, refused, *sdk = [
        one.get("value", one) for one in values
    ]
    assert streamed == {"tokens": TOKENS, "finish": "stop", "completionTokens": len(TOKENS)}
    assert whole == {"text": TEXT, "model": "gpt-4o", "logprobs": len(TOKENS)}
    assert [sorted(one["arguments"]) for one in called["calls"]] == [["city", "unit"]] * 2
    assert called["finish"] == "tool_calls"
    assert called["deltas"] > 2
    assert sorted(formed) == ["city", "unit"]
    assert choices[0] == TEXT
    assert len(choices) == 3
    assert (answered, refused) == (None, REFUSAL)
    text, agent, made, reasoning = sdk
    assert text == {"text": TEXT, "finish": "stop", "deltas": len(TOKENS), "tokens": len(TOKENS)}
    assert agent == [["tool-calls", 2], ["stop", 0]]
    assert sorted(made) == ["city", "unit"]
    assert reasoning == {"text": TEXT, "tokens": len(tokenize(REASONING))}
    assert (unserved["status"], unserved["error"]["param"]) == (400, "prediction")
    assert "'prediction' is not served by this model" in json.dumps(unserved)
