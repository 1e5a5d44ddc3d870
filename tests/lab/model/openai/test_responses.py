"""Responses: each event and each object fits the types of the official client, strictly."""

import json
import re
from typing import Any, get_args

import pytest

from support import peers
from support.asking import Answered, ask
from support.inprocess import Served
from support.model import PROMPT, TOKENS
from support.response_cases import CASES, Case, without_ids

TARGET = "/v1/responses"
FAST = "tokens_per_second=10000"


async def respond(target: Served, query: str = "", **members: Any) -> Answered:
    body = json.dumps({"model": "gpt-5", "input": PROMPT, **members}).encode()
    return await ask(target, f"{TARGET}?{FAST}{query}", "POST", body=body)


def event_models() -> dict[str, Any]:
    """The client's type of each event, by its name."""
    union = get_args(peers.module("openai.types.responses").ResponseStreamEvent)[0]
    return {get_args(one.model_fields["type"].annotation)[0]: one for one in get_args(union)}


@pytest.mark.parametrize("case", CASES.values(), ids=[*CASES])
async def test_a_response(target: Served, case: Case) -> None:
    answer = await respond(target, case.query, **case.members)
    assert answer.status == 200, answer.body
    model = peers.module("openai.types.responses").Response
    response = model.model_validate_json(answer.body, strict=True)
    assert {*response.model_extra} == {"store"}
    assert [item.type for item in response.output] == case.items
    assert response.status == response.output[-1].status == case.status
    streamed = await respond(target, case.query, **case.members, stream=True)
    events = check_events(streamed.body.decode(), case.types)
    assert without_ids(events[-1]["response"]) == without_ids(json.loads(answer.body))
    counted = response.usage.output_tokens
    assert counted == (case.tokens or counted)
    deltas = [event for event in events if event["type"].endswith(".delta")]
    assert len(deltas) == counted
    thoughts = [event for event in deltas if "reasoning" in event["type"]]
    assert response.usage.output_tokens_details.reasoning_tokens == len(thoughts)
    assert response.usage.total_tokens == response.usage.input_tokens + counted


def check_events(stream: str, expected: list[str]) -> list[dict[str, Any]]:
    """The events of a stream, after each was found to be of the type of the client."""
    models = event_models()
    events: list[dict[str, Any]] = []
    types: list[str] = []
    for text in stream.split("\n\n")[:-1]:
        [(name, data)] = re.findall(r"\Aevent: (.+)\ndata: (.+)\Z", text)
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


async def test_the_events_of_an_error(target: Served) -> None:
    body = (await respond(target, "&fault=error@event:6", stream=True)).body.decode()
    *_, error, failed = [json.loads(line[6:]) for line in body.splitlines() if line[:1] == "d"]
    assert [error["sequence_number"], failed["sequence_number"]] == [6, 7]
    model = event_models()["response.failed"].model_validate(failed, strict=True)
    assert (model.response.status, model.response.error.code) == ("failed", "server_error")
    assert error["error"]["message"] == model.response.error.message


async def test_members_are_repeated_and_named(target: Served) -> None:
    members = CASES["metadata"].members
    answer = await respond(target, include=["reasoning.encrypted_content"], **members)
    response = json.loads(answer.body)
    assert {name: response[name] for name in members} == members
    named = answer.headers["x-lab-without-effect"]
    assert named == "temperature, top_p, store, include 'reasoning.encrypted_content'"


async def test_a_batch_with_the_whole_answer_is_limited(target: Served) -> None:
    """The last event repeats the text, so a batch of these is large."""
    answer = await respond(target, "&tokens=20000&chunk_events=9", stream=True)
    error = json.loads(answer.body)["error"]
    assert (answer.status, error["param"]) == (400, "chunk_events")


async def test_log_probabilities(target: Served) -> None:
    members: dict[str, Any] = {"include": ["message.output_text.logprobs"], "top_logprobs": 2}
    body = (await respond(target, stream=True, **members)).body.decode()
    events = [json.loads(line[6:]) for line in body.splitlines() if line.startswith("data")]
    deltas = [event["logprobs"] for event in events if event["type"].endswith("text.delta")]
    assert [one["token"] for (one,) in deltas] == TOKENS
    assert [one["top_logprobs"][0]["token"] for (one,) in deltas] == TOKENS
    assert {len(one["top_logprobs"]) for (one,) in deltas} == {2}
    (item,) = events[-1]["response"]["output"]
    assert item["content"][0]["logprobs"] == [one for (one,) in deltas]
    refused = await respond(target, "&tokens=30000", stream=True, **members)
    assert json.loads(refused.body)["error"]["param"] == "top_logprobs"
