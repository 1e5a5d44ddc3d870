"""The official client of Anthropic's messages accepts the model as the real service."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import pytest

from streamserver.lab.model.models import Models
from streamserver.lab.model.text import REASONING, tokenize
from support import peers
from support.anthropic_client import AT_ONCE, SCHEMA, TOOLS, USER, client_of, question
from support.inprocess import Serve, Served
from support.leaks import no_leaks
from support.model import MODEL, TEXT, TOKENS, make_model

if TYPE_CHECKING:
    from anthropic import AsyncAnthropic

THINKING = {"type": "enabled", "budget_tokens": 1024}


@pytest.fixture
async def client(target: Served) -> "AsyncIterator[AsyncAnthropic]":
    async with no_leaks(), client_of(target.url) as client:
        yield client


def comparable(message: Any) -> dict[str, Any]:
    """A message without what differs from answer to answer, and what the client adds."""
    members: dict[str, Any] = message.model_dump(exclude={"id"}, exclude_none=True)
    for block in members["content"]:
        block.pop("parsed_output", None)
    return members


# Answers


@pytest.mark.parametrize(
    ("members", "kinds", "stop_reason"),
    [
        ({}, ["text"], "end_turn"),
        ({"max_tokens": 3}, ["text"], "max_tokens"),
        ({"stop_sequences": ["absent", TOKENS[3]]}, ["text"], "stop_sequence"),
        ({"stop_sequences": [TOKENS[0]]}, [], "stop_sequence"),
        ({"thinking": THINKING}, ["thinking", "text"], "end_turn"),
        ({"thinking": THINKING | {"display": "omitted"}}, ["thinking", "text"], "end_turn"),
        ({"tools": TOOLS}, ["tool_use", "tool_use"], "tool_use"),
        ({"tools": TOOLS, "tool_choice": {"type": "none"}}, ["text"], "end_turn"),
        ({"tools": TOOLS, "tool_choice": {"type": "any"}, "thinking": THINKING},
         ["thinking", "tool_use", "tool_use"], "tool_use"),
        ({"tools": TOOLS, "tool_choice": {"type": "auto", "disable_parallel_tool_use": True}},
         ["tool_use"], "tool_use"),
        ({"tools": TOOLS, "tool_choice": {"type": "tool", "name": "climate"}},
         ["tool_use"], "tool_use"),
        ({"tools": TOOLS, "max_tokens": 2}, ["tool_use"], "max_tokens"),
        ({"extra_query": {"refuse": "1"}}, ["text"], "refusal"),
    ],
)  # fmt: skip
async def test_a_stream_and_a_whole_message_are_the_same(
    client: "AsyncAnthropic", members: dict[str, Any], kinds: list[str], stop_reason: str
) -> None:
    whole = await client.messages.create(**question(**members))
    async with client.messages.stream(**question(**members)) as stream:
        async for _ in stream:
            pass
        final = await stream.get_final_message()
    assert [block.type for block in whole.content] == kinds
    assert whole.stop_reason == stop_reason
    assert bool(whole.usage.output_tokens) == bool(kinds)
    is_cut = stop_reason == "max_tokens" and kinds == ["tool_use"]
    if is_cut:  # the client reads the beginning of an input in a stream
        final.content, whole.content = [], []
    assert comparable(final) == comparable(whole)


async def test_the_tokens_arrive_one_by_one(client: "AsyncAnthropic") -> None:
    async with client.messages.stream(**question(thinking=THINKING)) as stream:
        events = [event async for event in stream]
        final = await stream.get_final_message()
    thought = [event.thinking for event in events if event.type == "thinking"]
    said = [event.text for event in events if event.type == "text"]
    assert (thought, said) == (tokenize(REASONING), TOKENS)
    assert [event.signature for event in events if event.type == "signature"] != [""]
    assert final.usage.output_tokens_details is not None
    assert final.usage.output_tokens_details.thinking_tokens == len(thought)
    assert final.usage.output_tokens == len(thought) + len(said)


async def test_the_loop_of_an_agent(client: "AsyncAnthropic") -> None:
    """The input of a tool is valid, and its result is answered in text."""
    called = await client.messages.create(**question(tools=TOOLS))
    uses = [block for block in called.content if block.type == "tool_use"]
    assert [use.name for use in uses] == ["weather", "climate"]
    for use in uses:
        peers.module("jsonschema").validate(use.input, SCHEMA)
    results = [{"type": "tool_result", "tool_use_id": use.id, "content": "sunny"} for use in uses]
    reminder = {"type": "text", "text": "Be brief."}
    conversation = [
        USER,
        {"role": "assistant", "content": [block.model_dump() for block in called.content]},
        {"role": "user", "content": [*results, reminder]},
    ]
    answer = await client.messages.create(**question(tools=TOOLS, messages=conversation))
    assert [block.type for block in answer.content] == ["text"]
    assert answer.usage.input_tokens > called.usage.input_tokens


async def test_hidden_thinking_takes_its_time(client: "AsyncAnthropic") -> None:
    hidden = question(thinking=THINKING | {"display": "omitted"})
    async with client.messages.stream(**hidden) as stream:
        events = [event async for event in stream]
    assert [event.type for event in events[:4]] == [
        *("message_start", "content_block_start", "content_block_delta", "signature"),
    ]
    shown = await client.messages.create(**question(thinking=THINKING))
    final = await stream.get_final_message()
    assert final.content[0].to_dict() == shown.content[0].to_dict() | {"thinking": ""}
    assert final.usage == shown.usage


@pytest.mark.parametrize("stream", [False, True])
async def test_the_tool_runner_of_the_client(client: "AsyncAnthropic", stream: bool) -> None:
    """It asks for a conversation that the service keeps, and sends all of it without one."""

    async def weather(city: str) -> str:
        """The weather."""
        return f"It is sunny in {city}."

    tool = peers.module("anthropic").beta_async_tool(weather)
    runner = client.beta.messages.tool_runner(**question(tools=[tool]), stream=stream)
    last = await runner.until_done()
    assert [block.type for block in last.content] == ["text"]


async def test_a_text_of_a_given_form(client: "AsyncAnthropic") -> None:
    form = {"format": {"type": "json_schema", "schema": SCHEMA}}
    answer = await client.messages.create(**question(output_config=form))
    (block,) = answer.content
    assert block.type == "text"
    peers.module("jsonschema").validate(json.loads(block.text), SCHEMA)


async def test_the_tokens_of_a_message(client: "AsyncAnthropic") -> None:
    content = [
        {"type": "text", "text": "What is this?", "cache_control": {"type": "ephemeral"}},
        {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}},
    ]
    members: dict[str, Any] = {
        "model": MODEL,
        "system": "Be brief.",
        "messages": [{"role": "user", "content": content}],
        "tools": TOOLS,
    }
    counted = await client.messages.count_tokens(**members)
    answered = await client.messages.create(**question(**members, max_tokens=1))
    assert counted.input_tokens == answered.usage.input_tokens
    alone = await client.messages.count_tokens(model=MODEL, messages=[USER])
    assert alone.input_tokens == 1
    bad_request = peers.module("anthropic").BadRequestError
    with pytest.raises(bad_request, match="tokens"):
        await client.messages.count_tokens(**members, extra_query={"tokens": "1"})
    usage = answered.usage
    assert (usage.cache_read_input_tokens, usage.cache_creation_input_tokens) == (0, 0)


async def test_the_models(client: "AsyncAnthropic") -> None:
    page = await client.models.list()
    assert [model.id for model in page.data] == [MODEL, f"{MODEL}-fast"]
    assert (page.first_id, page.last_id, page.has_more) == (MODEL, f"{MODEL}-fast", False)
    model = await client.models.retrieve("any name")
    assert (model.id, model.type, model.created_at.year) == ("any name", "model", 2025)


async def test_members_without_effect_are_named(client: "AsyncAnthropic") -> None:
    """Clients of the beta interface add ``?beta=true``."""
    beta: dict[str, Any] = {"extra_query": {"beta": "true"}}
    response = await client.messages.with_raw_response.create(
        **question(metadata={"user_id": "me"}, extra_body=AT_ONCE | {"temperature": 0.2}), **beta
    )
    assert response.headers["x-lab-without-effect"] == "metadata, temperature, beta"
    asked: dict[str, Any] = {"model": MODEL, "messages": [USER], **beta}
    counted = await client.messages.with_raw_response.count_tokens(**asked)
    assert counted.headers["x-lab-without-effect"] == "beta"
    assert response.headers["request-id"].startswith("req_")
    block = (await response.parse()).content[0]
    assert block.model_dump(exclude_none=True) == {"type": "text", "text": TEXT}


async def test_the_synchronous_client(target: Served) -> None:
    anthropic = peers.module("anthropic")

    def said() -> str:
        http_client = anthropic.DefaultHttpxClient(trust_env=False)
        settings = {"base_url": target.url, "api_key": "any", "http_client": http_client}
        with (
            anthropic.Anthropic(**settings) as client,
            client.messages.stream(**question()) as stream,
        ):
            return "".join(stream.text_stream)

    assert await asyncio.to_thread(said) == TEXT


# Errors


@pytest.mark.parametrize(
    ("members", "query", "name", "kind", "message"),
    [
        ({"max_tokens": 0}, {}, "BadRequestError", "invalid_request_error", "from 1 to"),
        ({}, {"tokens": "x"}, "BadRequestError", "invalid_request_error", "tokens must be"),
        ({"system": "x" * 2**21}, {}, "APIStatusError", "request_too_large", "2097152 bytes"),
        ({}, {"fail_status": "429"}, "RateLimitError", "rate_limit_error", "this failure was"),
        ({}, {"fail_status": "529"}, "APIStatusError", "overloaded_error", "this failure was"),
        ({}, {"fail_status": "500"}, "InternalServerError", "api_error", "this failure was"),
        ({}, {"fail_status": "401"}, "AuthenticationError", "authentication_error", "this fail"),
    ],
)  # fmt: skip
async def test_a_refusal_raises_the_documented_exception(
    client: "AsyncAnthropic",
    members: dict[str, Any], query: dict[str, str], name: str, kind: str, message: str,
) -> None:  # fmt: skip
    if "fail_status" in query:
        query = query | {"fail_rate": "1"}
    with pytest.raises(getattr(peers.module("anthropic"), name), match=message) as raised:
        await client.messages.create(**question(**members, extra_query=query))
    body = raised.value.body
    assert (body["type"], body["error"]["type"]) == ("error", kind)
    assert body["request_id"] == raised.value.request_id


async def test_an_unknown_model(serve: Serve) -> None:
    server = await serve(make_model(Models(["one"], is_strict=True)))
    anthropic = peers.module("anthropic")
    async with client_of(server.url) as client:
        with pytest.raises(anthropic.NotFoundError, match="'two' does not exist") as raised:
            await client.messages.create(**question(model="two"))
        assert raised.value.body["error"]["type"] == "not_found_error"
        with pytest.raises(anthropic.NotFoundError):
            await client.messages.count_tokens(model="two", messages=[USER])
        assert (await client.messages.create(**question(model="one"))).model == "one"


async def test_an_error_in_band_raises(client: "AsyncAnthropic") -> None:
    received: list[str] = []

    async def receive() -> None:
        fault = {"fault": "error@event:5"}
        async with client.messages.stream(**question(extra_query=fault)) as stream:
            async for text in stream.text_stream:
                received.append(text)

    error = peers.module("anthropic").APIStatusError
    with pytest.raises(error, match="this error was requested") as raised:
        await receive()
    assert received == TOKENS[:2]
    assert raised.value.body["error"]["type"] == "overloaded_error"
