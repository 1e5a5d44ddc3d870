"""Responses: each event and each object fits the types of the official client, strictly."""

import json
import re
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any, NamedTuple, get_args

import pytest

from streamserver.lab.model.text import REASONING, tokenize
from streamserver.lab.target.app import make_target
from support import peers
from support.asking import Answered, ask
from support.inprocess import Serve, Served
from support.leaks import no_leaks
from support.model import PROMPT, TOKENS
from support.openai_client import client_of

if TYPE_CHECKING:
    from openai import AsyncOpenAI
    from openai.types.responses import Response

TARGET = "/v1/responses"
FAST = "tokens_per_second=10000"
CITY = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
WEATHER, TIME = [
    {"type": "function", "name": name, "description": "", "parameters": CITY, "strict": True}
    for name in ("weather", "time")
]
SCHEMA = {"type": "json_schema", "name": "place", "schema": CITY, "strict": True}
THOUGHT = len(tokenize(REASONING))

ITEM, DONE = "response.output_item.added", "response.output_item.done"
PART, PART_DONE = "response.content_part.added", "response.content_part.done"
CALL = [
    ITEM,
    "response.function_call_arguments.delta",
    "response.function_call_arguments.done",
    DONE,
]


def with_content(name: str) -> list[str]:
    """The types of the events of an item with content, each once."""
    return [ITEM, PART, f"response.{name}.delta", f"response.{name}.done", PART_DONE, DONE]


TEXT_ITEM = with_content("output_text")
SUMMARY = "response.reasoning_summary"
SUMMARY_ITEM = [
    *(ITEM, f"{SUMMARY}_part.added", f"{SUMMARY}_text.delta", f"{SUMMARY}_text.done"),
    *(f"{SUMMARY}_part.done", DONE),
]


class Case(NamedTuple):
    """The members of a request, the types of the items' events, and the response."""

    members: dict[str, Any]
    types: list[str]
    items: list[str]
    tokens: int | None = len(TOKENS)
    query: str = ""
    status: str = "completed"


CASES = {
    "text": Case({}, TEXT_ITEM, ["message"]),
    "items": Case(
        {"input": [{"role": "user", "content": [{"type": "input_text", "text": PROMPT}]}]},
        TEXT_ITEM,
        ["message"],
    ),
    "cut": Case({"max_output_tokens": 3}, TEXT_ITEM, ["message"], 3, status="incomplete"),
    "exact": Case(
        *({"max_output_tokens": 200, "ignore_eos": True}, TEXT_ITEM, ["message"], 200),
        status="incomplete",
    ),
    "tool": Case({"tools": [WEATHER]}, CALL, ["function_call"], None),
    "tools": Case({"tools": [WEATHER, TIME]}, [*CALL, *CALL], ["function_call"] * 2, None),
    "one tool": Case(
        {"tools": [WEATHER, TIME], "parallel_tool_calls": False}, CALL, ["function_call"], None
    ),
    "named tool": Case(
        {"tools": [WEATHER, TIME], "tool_choice": {"type": "function", "name": "time"}},
        *(CALL, ["function_call"], None),
    ),
    "no tool": Case({"tools": [WEATHER], "tool_choice": "none"}, TEXT_ITEM, ["message"]),
    "schema": Case({"text": {"format": SCHEMA}}, TEXT_ITEM, ["message"], None),
    "object": Case({"text": {"format": {"type": "json_object"}}}, TEXT_ITEM, ["message"], None),
    "summary": Case(
        {"reasoning": {"summary": "auto"}},
        *([*SUMMARY_ITEM, *TEXT_ITEM], ["reasoning", "message"], THOUGHT + len(TOKENS)),
    ),
    "reasoning": Case(
        {"reasoning": {"effort": "high"}},
        [*with_content("reasoning_text"), *TEXT_ITEM],
        *(["reasoning", "message"], THOUGHT + len(TOKENS)),
    ),
    "log probabilities": Case(
        {"include": ["message.output_text.logprobs"], "top_logprobs": 2}, TEXT_ITEM, ["message"]
    ),
    "refusal": Case({}, with_content("refusal"), ["message"], None, "&refuse=1"),
    "metadata": Case(
        {
            "metadata": {"a": "b"},
            "instructions": "",
            "temperature": 0.5,
            "top_p": 1,
            "store": False,
        },
        *(TEXT_ITEM, ["message"], None),
    ),
}


@pytest.fixture
async def server(serve: Serve) -> Served:
    return await serve(make_target())


@pytest.fixture
async def client(server: Served) -> "AsyncIterator[AsyncOpenAI]":
    async with no_leaks(), client_of(server.url) as client:
        yield client


async def respond(server: Served, query: str = "", **members: Any) -> Answered:
    body = json.dumps({"model": "gpt-5", "input": PROMPT, **members}).encode()
    return await ask(server, f"{TARGET}?{FAST}{query}", "POST", body=body)


def without_ids(response: dict[str, Any]) -> dict[str, Any]:
    """The response without what differs in each."""
    text = json.dumps(response | {"created_at": 0})
    found: dict[str, Any] = json.loads(re.sub(r"\b(resp|msg|rs|fc)_[0-9a-f]+", r"\1", text))
    return found


def event_models() -> dict[str, Any]:
    """The client's type of each event, by its name."""
    union = get_args(peers.module("openai.types.responses").ResponseStreamEvent)[0]
    return {get_args(one.model_fields["type"].annotation)[0]: one for one in get_args(union)}


@pytest.mark.parametrize("case", CASES.values(), ids=[*CASES])
async def test_a_response(server: Served, case: Case) -> None:
    answer = await respond(server, case.query, **case.members)
    assert answer.status == 200, answer.body
    model = peers.module("openai.types.responses").Response
    response = model.model_validate_json(answer.body, strict=True)
    assert {*response.model_extra} == {"store"}
    assert [item.type for item in response.output] == case.items
    assert response.status == case.status
    streamed = await respond(server, case.query, **case.members, stream=True)
    events = check_events(streamed.body.decode(), case.types)
    assert without_ids(events[-1]["response"]) == without_ids(json.loads(answer.body))
    counted = response.usage.output_tokens
    assert counted == (case.tokens or counted)
    deltas = [event for event in events if event["type"].endswith(".delta")]
    assert len(deltas) == counted
    assert response.usage.total_tokens == response.usage.input_tokens + counted


def check_events(stream: str, expected: list[str]) -> list[dict[str, Any]]:
    """The events of a stream, after each was found to be of the type of the client."""
    models = event_models()
    events: list[dict[str, Any]] = []
    types: list[str] = []
    for text in stream.split("\n\n")[:-1]:
        name, data = re.fullmatch("event: (.+)\ndata: (.+)", text).groups()  # type: ignore[union-attr]
        event = models[name].model_validate_json(data, strict=True)
        assert event.sequence_number == len(events)
        assert not event.model_extra
        events.append(json.loads(data))
        types += [] if types[-1:] == [name] else [name]
    assert types == [
        *("response.created", "response.in_progress", *expected),
        f"response.{events[-1]['response']['status']}",
    ]
    return events


@pytest.mark.parametrize("name", ["text", "tools", "summary", "schema"])
async def test_the_helper_of_the_client_assembles_the_response(
    client: "AsyncOpenAI", name: str
) -> None:
    case = CASES[name]
    asked: dict[str, Any] = {"model": "gpt-5", "input": PROMPT, **case.members}
    knobs = {"tokens_per_second": "10000", "stamps": "1"}
    whole = await client.responses.create(**asked, extra_query=knobs)
    async with client.responses.stream(**asked, extra_query=knobs) as stream:
        events = [event async for event in stream]
        final = await stream.get_final_response()
    assert events[-1].type == "response.completed"
    assert without_ids(unparsed(final)) == without_ids(unparsed(whole))


def unparsed(response: "Response") -> dict[str, Any]:
    """The response without what the helper adds to it."""

    def drop(members: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in members.items() if not name.startswith("parsed")}

    found: dict[str, Any] = json.loads(response.to_json(), object_hook=drop)
    return found


async def test_structured_outputs_are_parsed(client: "AsyncOpenAI") -> None:
    pydantic = peers.module("pydantic")
    place = pydantic.create_model("Place", city=(str, ...), population=(int, ...))
    parsed = await client.responses.parse(
        model="gpt-5", input=PROMPT, text_format=place, extra_query={"tokens_per_second": "1000"}
    )
    assert isinstance(parsed.output_parsed, place)


async def test_a_loop_of_tools_ends(client: "AsyncOpenAI") -> None:
    """The output of the first answer, as the client has it, is a part of the next input."""
    knobs = {"tokens_per_second": "10000"}
    history: list[Any] = [{"role": "user", "content": PROMPT}]
    options: dict[str, Any] = {"tools": [WEATHER], "reasoning": {"effort": "low"}}
    first = await client.responses.create(
        model="gpt-5", input=history, extra_query=knobs, **options
    )
    reasoning, call = first.output
    assert (reasoning.type, call.type) == ("reasoning", "function_call")
    history += [
        *[item.model_dump() for item in first.output],
        {"type": "function_call_output", "call_id": call.call_id, "output": "rain"},
    ]
    second = await client.responses.create(
        model="gpt-5", input=history, extra_query=knobs, **options
    )
    assert [item.type for item in second.output] == ["reasoning", "message"]


async def test_an_error_in_band(client: "AsyncOpenAI") -> None:
    """The error event raises; a response that failed is an event like others."""
    openai = peers.module("openai")

    async def types(fault: str) -> list[str]:
        stream = await client.responses.create(
            model="gpt-5",
            input=PROMPT,
            stream=True,
            extra_query={"fault": fault, "tokens_per_second": "1000"},
        )
        return [event.type async for event in stream]

    with pytest.raises(openai.APIError, match="this error was requested") as error:
        await types("error@event:5")
    assert error.value.code == "server_error"
    assert (await types("error@event:5:openrouter"))[4:] == [
        "response.output_text.delta",
        "response.failed",
    ]


async def test_the_events_of_an_error(server: Served) -> None:
    body = (await respond(server, "&fault=error@event:6", stream=True)).body.decode()
    *_, error, failed = [json.loads(line[6:]) for line in body.splitlines() if line[:1] == "d"]
    assert [error["sequence_number"], failed["sequence_number"]] == [6, 7]
    model = event_models()["response.failed"].model_validate(failed, strict=True)
    assert (model.response.status, model.response.error.code) == ("failed", "server_error")
    assert error["error"]["message"] == model.response.error.message


async def test_members_are_repeated_and_named(server: Served) -> None:
    members = CASES["metadata"].members
    answer = await respond(server, include=["reasoning.encrypted_content"], **members)
    response = json.loads(answer.body)
    assert {name: response[name] for name in members} == members
    named = answer.headers["x-lab-without-effect"]
    assert named == "temperature, top_p, store, include 'reasoning.encrypted_content'"


async def test_a_batch_with_the_whole_answer_is_limited(server: Served) -> None:
    """The last event repeats the text, so a batch of these is large."""
    answer = await respond(server, "&tokens=20000&chunk_events=9", stream=True)
    error = json.loads(answer.body)["error"]
    assert (answer.status, error["param"]) == (400, "chunk_events")


async def test_log_probabilities(server: Served) -> None:
    members = {"include": ["message.output_text.logprobs"], "top_logprobs": 2}
    body = (await respond(server, stream=True, **members)).body.decode()
    events = [json.loads(line[6:]) for line in body.splitlines() if line.startswith("data")]
    deltas = [event["logprobs"] for event in events if event["type"].endswith("text.delta")]
    assert [one["token"] for (one,) in deltas] == TOKENS
    assert [one["top_logprobs"][0]["token"] for (one,) in deltas] == TOKENS
    assert {len(one["top_logprobs"]) for (one,) in deltas} == {2}
    (item,) = events[-1]["response"]["output"]
    assert item["content"][0]["logprobs"] == [one for (one,) in deltas]
    refused = await respond(server, "&tokens=30000", **members)
    assert json.loads(refused.body)["error"]["param"] == "top_logprobs"
