"""The model with the target's parameters, and the legacy interface."""

import json
from typing import Any

import pytest

from streamserver.lab.stamps import read_stamp
from support.asking import ask
from support.inprocess import Served
from support.model import MODEL, PROMPT, TEXT, TOKENS, USAGE, question

CHAT, COMPLETIONS = "/v1/chat/completions", "/v1/completions"
MS = 1_000_000


async def events(server: Served, target: str, members: dict[str, Any], **fields: str) -> list[str]:
    """The data of each event of a stream."""
    answer = await ask(server, target, "POST", fields, json.dumps(members).encode())
    assert answer.status == 200, answer.body
    return [line[6:] for line in answer.body.decode().splitlines() if line.startswith("data: ")]


def prompt(**members: Any) -> dict[str, Any]:
    return {"model": MODEL, "prompt": PROMPT, "tokens_per_second": 1000, **members}


async def test_stamps_are_the_first_member_of_each_chunk(server: Served) -> None:
    received = await events(server, f"{CHAT}?stamps=1", question(stream=True))
    assert received.pop() == "[DONE]"
    stamps = [read_stamp(data) for data in received]
    assert [stamp and stamp.seq for stamp in stamps] == [*range(len(TOKENS) + 2)]
    assert all(stamp and stamp.due <= stamp.sent for stamp in stamps)
    assert [next(iter(json.loads(data))) for data in received] == ["lab"] * len(received)


async def test_the_first_token_has_a_delay_of_its_own(server: Served) -> None:
    parameters = (
        "stamps=1&first_byte_delay=0.01&first_token_delay=0.05&tokens=3&tokens_per_second=100"
    )
    received = await events(server, f"{CHAT}?{parameters}", question(stream=True))
    due = [stamp.due for data in received if (stamp := read_stamp(data))]
    assert [(after - due[0]) // MS for after in due[1:4]] == [50, 60, 70]


async def test_the_number_of_tokens_is_a_parameter(server: Served) -> None:
    count = 3 * len(TOKENS) + 1
    answer = await ask(
        server, f"{CHAT}?tokens={count}&tokens_per_second=10000", "POST",
        body=json.dumps(question()).encode(),
    )  # fmt: skip
    whole = json.loads(answer.body)
    assert whole["choices"][0]["message"]["content"] == TEXT * 3 + TOKENS[0]
    assert whole["usage"]["completion_tokens"] == count


async def test_parameters_in_fields(server: Served) -> None:
    fields = {"X-Lab-Tokens": "2", "X-Lab-Stamps": "1"}
    received = await events(server, CHAT, question(stream=True), **fields)
    assert len(received) == 1 + 2 + 1 + 1


@pytest.mark.parametrize(
    "parameter",
    [
        "tokens=-1",
        "tokens_per_second=x",
        "gap=1",
        "spread=2",
        "tokens_per_second=0.001",
        "tokens_per_second=1&tokens=30000",
    ],
)
async def test_a_wrong_parameter_is_an_openai_error(server: Served, parameter: str) -> None:
    answer = await ask(server, f"{CHAT}?{parameter}", "POST", body=json.dumps(question()).encode())
    error = json.loads(answer.body)["error"]
    assert (answer.status, error["param"]) == (400, parameter.partition("=")[0])


async def test_a_streamed_text_completion(server: Served) -> None:
    received = await events(server, COMPLETIONS, prompt(stream=True))
    assert received.pop() == "[DONE]"
    chunks = [json.loads(data) for data in received]
    assert {chunk["object"] for chunk in chunks} == {"text_completion"}
    assert chunks[0]["id"].startswith("cmpl-")
    assert [chunk["choices"][0]["text"] for chunk in chunks] == [*TOKENS, ""]
    reasons = [chunk["choices"][0]["finish_reason"] for chunk in chunks]
    assert reasons == [None] * len(TOKENS) + ["stop"]


async def test_a_whole_text_completion(server: Served) -> None:
    body = json.dumps(prompt(prompt=[PROMPT])).encode()
    whole = json.loads((await ask(server, COMPLETIONS, "POST", body=body)).body)
    assert whole["choices"] == [
        {"text": TEXT, "index": 0, "logprobs": None, "finish_reason": "stop"}
    ]
    assert whole["usage"] == USAGE
