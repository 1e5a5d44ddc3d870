"""Embeddings: deterministic unit vectors, and the bounds of a request."""

import asyncio
import json
import struct
import time
from base64 import b64decode
from math import hypot, isclose
from typing import Any

import h11
import pytest

from streamserver.lab.model.cost.profile import Profile
from streamserver.lab.model.openai.embeddings import MAX_INPUTS, MAX_TOKENS, vector
from streamserver.lab.target.app import make_target
from support import peers
from support.asking import Answered, ask
from support.inprocess import Serve, Served
from support.openai_client import client_of

TARGET = "/v1/embeddings"


async def embed(target: Served, query: str = "", **members: Any) -> Answered:
    body = json.dumps({"model": "any", **members}).encode()
    return await ask(target, f"{TARGET}?{query}", "POST", body=body)


def test_a_vector_is_the_same_in_every_process() -> None:
    found = [round(number, 5) for number in vector("Grüße", 3)]
    assert found == [-0.88349, -0.10255, 0.45709]


@pytest.mark.parametrize("dimensions", [1, 2, 1536, 4096])
def test_a_vector_has_the_length_one(dimensions: int) -> None:
    numbers = vector("a", dimensions)
    assert len(numbers) == dimensions
    assert isclose(hypot(*numbers), 1.0, rel_tol=1e-6)


def test_fewer_dimensions_have_the_same_direction() -> None:
    short, long = vector("a", 8), vector("a", 64)[:8]
    scale = hypot(*long)
    assert all(
        isclose(one, other / scale, rel_tol=1e-6) for one, other in zip(short, long, strict=True)
    )


async def test_the_official_client(target: Served) -> None:
    """It asks for base64, and makes lists of numbers of it."""
    async with client_of(target.url) as client:
        whole = await client.embeddings.create(model="m", input=["a", "b", "a"], dimensions=5)
        ids = await client.embeddings.create(model="m", input=[[1, 2], [1, 2, 3]])
    first, second, third = [one.embedding for one in whole.data]
    assert first == pytest.approx(vector("a", 5)) == third != second
    assert [one.index for one in whole.data] == [0, 1, 2]
    assert (whole.model, whole.usage.prompt_tokens, ids.usage.total_tokens) == ("m", 3, 5)
    assert [len(one.embedding) for one in ids.data] == [1536, 1536]
    model = peers.module("openai.types").CreateEmbeddingResponse
    answer = await embed(target, input="a")
    assert not model.model_validate_json(answer.body, strict=True).model_extra


async def test_both_formats_have_the_same_numbers(target: Served) -> None:
    found = []
    for name in ("float", "base64"):
        answer = await embed(target, input=[7, 8], dimensions=64, encoding_format=name)
        found.append(json.loads(answer.body)["data"][0]["embedding"])
    numbers, packed = found
    assert b64decode(packed) == struct.pack("<64f", *numbers)


async def test_the_response_has_a_delay(target: Served) -> None:
    begin = time.monotonic()
    await embed(target, "head_delay=0.02&first_byte_delay=0.01", input="a")
    assert time.monotonic() - begin >= 0.03


async def test_each_input_is_a_sequence_of_the_engine(serve: Serve) -> None:
    profile = Profile(10_000_000, 5_000_000, 1_000_000)
    target = await serve(make_target(profile=profile))
    begin = time.monotonic_ns()
    await embed(target, input=["one two three", "four"])
    assert time.monotonic_ns() - begin >= profile.step_time(2, 4)
    await embed(target, "first_byte_delay=0.001", input="a")
    shown = json.loads((await ask(target, "/lab/profile")).body)
    assert (shown["steps"], shown["running"], shown["waiting"]) == (1, 0, 0)


async def test_slots_and_faults_apply(target: Served) -> None:
    one = "slots=1&queue=0&head_delay=0.05"
    answers = await asyncio.gather(*[embed(target, one, input="a", user="me") for _ in range(2)])
    assert sorted([answer.status for answer in answers]) == [200, 503]
    assert {answer.headers.get("x-lab-without-effect") for answer in answers} == {"user", None}
    with pytest.raises(h11.RemoteProtocolError):
        await embed(target, "fault=truncate@byte:100", input="a")


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({}, "input must be a text, a list of texts, a list of tokens, or a list of such"),
        ({"input": []}, "input must be 1 to 2048 texts or lists of tokens"),
        ({"input": [[]]}, "input must be a text"),
        ({"input": ["a", 1]}, "input must be a text"),
        ({"input": [-1]}, "input must be a text"),
        ({"input": [True]}, "input must be a text"),
        ({"input": {"a": 1}}, "input must be a text"),
        ({"input": ["a"] * (MAX_INPUTS + 1)}, "input must be 1 to 2048 texts"),
        ({"input": ["a"] * 300, "dimensions": 4096}, "input must be at most 256 inputs"),
        ({"input": ["a", ""]}, "input[1] must be 1 to 8192 tokens long, not 0"),
        ({"input": [1] * (MAX_TOKENS + 1)}, "input[0] must be 1 to 8192 tokens long, not 8193"),
        ({"input": ["a" * 100_000] * 6}, "input must be at most 524288 characters in all"),
        ({"input": "a", "dimensions": 4097}, "dimensions must be a whole number from 1 to 4096"),
        ({"input": "a", "dimensions": 0}, "dimensions must be"),
        ({"input": "a", "encoding_format": "int8"}, "encoding_format must be one of"),
        ({"input": "a", "inputs": "b"}, "'inputs' is not served by this model"),
        ({"input": "a", "model": ""}, "model must be"),
    ],
)
async def test_a_wrong_request(target: Served, members: dict[str, Any], message: str) -> None:
    answer = await embed(target, **members)
    error = json.loads(answer.body)["error"]
    assert (answer.status, error["type"]) == (400, "invalid_request_error")
    assert error["message"].startswith(message)


async def test_a_parameter_of_a_stream_is_refused(target: Served) -> None:
    answer = await embed(target, "tokens_per_second=5", input="a")
    assert json.loads(answer.body)["error"]["param"] == "tokens_per_second"
