"""The official client in Python reads responses, whole and as a stream."""

import json
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import pytest

from support import peers
from support.inprocess import Served
from support.leaks import no_leaks
from support.model import PROMPT
from support.openai_client import client_of
from support.response_cases import CASES, WEATHER, without_ids

if TYPE_CHECKING:
    from openai import AsyncOpenAI
    from openai.types.responses import Response


@pytest.fixture
async def client(target: Served) -> "AsyncIterator[AsyncOpenAI]":
    async with no_leaks(), client_of(target.url) as client:
        yield client


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
