"""Anthropic's messages on the wire: the events of a stream, and refusals."""

import json
from dataclasses import replace
from typing import Any

import pytest

from streamserver.lab.model.anthropic.messages import MessageWriter
from streamserver.lab.model.anthropic.requests import message_request
from streamserver.lab.model.generation import generate
from streamserver.lab.model.text import REFUSAL
from streamserver.lab.stamps import Stamp, read_stamp
from support.anthropic_client import body_of, client_of, question
from support.asking import Answered, ask
from support.inprocess import Served
from support.model import TOKENS

PATH = "/v1/messages"


async def post(server: Served, members: object, query: str = "") -> Answered:
    body = json.dumps(members).encode()
    return await ask(server, f"{PATH}?{query}", "POST", body=body)


# The events of a stream


USAGE = {
    "input_tokens": 1,
    "cache_creation_input_tokens": 0,
    "cache_read_input_tokens": 0,
    "output_tokens": 2,
    "output_tokens_details": {"thinking_tokens": 0},
}
MESSAGE: dict[str, Any] = {
    "type": "message",
    "role": "assistant",
    "model": "any name",
    "content": [],
    "stop_reason": None,
    "stop_sequence": None,
    "stop_details": None,
    "usage": USAGE | {"output_tokens": 0},
}
STOP = {"stop_reason": "max_tokens", "stop_sequence": None, "stop_details": None}
DELTAS = [
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": token}}
    for token in TOKENS[:2]
]
EVENTS = [
    {"type": "message_start", "message": MESSAGE},
    {"type": "ping"},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    *DELTAS,
    {"type": "content_block_stop", "index": 0},
    {"type": "message_delta", "delta": STOP, "usage": USAGE},
    {"type": "message_stop"},
]


async def test_the_events_of_a_stream(target: Served) -> None:
    answer = await post(target, body_of(stream=True, max_tokens=2, model="any name"))
    assert answer.headers["content-type"] == "text/event-stream"
    *events, end = answer.body.decode().split("\n\n")
    assert end == ""
    lines = [event.split("\n") for event in events]
    data = [json.loads(second.removeprefix("data: ")) for _, second in lines]
    assert [first for first, _ in lines] == [f"event: {one['type']}" for one in data]
    assert data[0]["message"].pop("id").startswith("msg_")
    assert data == EVENTS


def test_tokens_from_a_cache_are_no_input_tokens() -> None:
    asked = message_request(body_of())
    answer = replace(generate(asked), input_tokens=10, cached_tokens=7)
    usage = MessageWriter(asked, answer).whole()["usage"]
    assert (usage["input_tokens"], usage["cache_read_input_tokens"]) == (3, 7)


async def test_a_stream_has_the_pace_and_the_stamps_that_are_asked_for(target: Served) -> None:
    query = "stamps=1&first_byte_delay=0.01&first_token_delay=0.05&tokens_per_second=100"
    answer = await post(target, body_of(stream=True, max_tokens=3), query)
    stamps: dict[str, list[Stamp]] = {}
    for line in answer.body.decode().splitlines():
        if line.startswith("data: ") and (stamp := read_stamp(line[6:])):
            stamps.setdefault(json.loads(line[6:])["type"], []).append(stamp)
    start = stamps["message_start"][0].due
    deltas = [(stamp.due - start) // 1_000_000 for stamp in stamps["content_block_delta"]]
    assert deltas == [50, 60, 70]
    assert (stamps["content_block_start"][0].due - start) // 1_000_000 == 50


async def test_a_refusal_is_a_text(target: Served) -> None:
    whole = json.loads((await post(target, body_of(), "refuse=1")).body)
    assert whole["content"] == [{"type": "text", "text": REFUSAL}]
    assert whole["stop_details"]["type"] == "refusal"


# Refusals


@pytest.mark.parametrize(
    ("path", "method", "status", "kind"),
    [
        (PATH, "GET", 405, "invalid_request_error"),
        (f"{PATH}/batches", "POST", 404, "not_found_error"),
        (f"{PATH}?slots=1&queue=0&pool=full", "POST", 503, "overloaded_error"),
    ],
)
async def test_every_refusal_has_the_form_of_the_interface(
    target: Served, path: str, method: str, status: int, kind: str
) -> None:
    async with client_of(target.url) as client:
        holding = await client.messages.create(
            **question(stream=True, extra_body={"tokens_per_second": 1}),
            extra_query={"slots": "1", "queue": "0", "pool": "full"},
        )
        async with holding:
            answer = await ask(target, path, method, body=json.dumps(body_of()).encode())
    assert (answer.status, answer.headers["content-type"]) == (status, "application/json")
    assert json.loads(answer.body)["error"]["type"] == kind


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("NaN", "the body must have numbers that are finite"),
        ("-1e999", "the body must have numbers that are finite"),
        (r'"\ud83e"', "characters that have a UTF-8 form"),
    ],
)
@pytest.mark.parametrize("member", ["default", "const"])
async def test_a_value_that_json_cannot_have(
    target: Served, member: str, value: str, message: str
) -> None:
    """It would fail where it is written, behind the head of the response."""
    schema = {"type": "object", "properties": {"city": {member: "HERE"}}}
    tools = [{"name": "weather", "input_schema": schema}]
    body = json.dumps(body_of(stream=True, tools=tools)).replace('"HERE"', value)
    answer = await ask(target, PATH, "POST", body=body.encode())
    assert answer.status == 400
    assert message in json.loads(answer.body)["error"]["message"]
