"""Ollama's chats and completions: the official client, and the lines of a stream."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from streamserver.kit.router import Router
from streamserver.lab.model import add_ollama
from streamserver.lab.model.models import Models
from streamserver.lab.model.ollama import timestamp
from streamserver.lab.model.ollama_models import CONTEXT_LENGTH
from streamserver.lab.model.text import REASONING, REFUSAL, tokenize
from streamserver.lab.stamps import read_stamp
from streamserver.lab.target.app import make_target
from streamserver.lab.target.pacing import Lateness
from support import peers
from support.asking import Answered, ask
from support.inprocess import Serve, Served
from support.leaks import no_leaks
from support.model import FAST, MODEL, PROMPT, TEXT, TOKENS

if TYPE_CHECKING:
    from ollama import AsyncClient

CHAT, GENERATE = "/api/chat", "/api/generate"
USER = {"role": "user", "content": PROMPT}
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
    "required": ["city", "days"],
}
TOOLS = [
    {"type": "function", "function": {"name": name, "description": "Now.", "parameters": SCHEMA}}
    for name in ("weather", "climate")
]
AT_ONCE = {"X-Lab-Tokens-Per-Second": str(FAST)}
MS = 1_000_000


@pytest.fixture
async def target(serve: Serve) -> Served:
    return await serve(make_target())


@pytest.fixture
async def client(target: Served) -> "AsyncIterator[AsyncClient]":
    async with no_leaks(), client_of(target.url) as client:
        yield client


def client_of(url: str, **fields: str) -> "AsyncClient":
    """The client, all of whose requests have these fields too."""
    client: AsyncClient = peers.module("ollama").AsyncClient(
        url, headers=AT_ONCE | fields, trust_env=False
    )
    return client


async def post(server: Served, path: str, members: object, **fields: str) -> Answered:
    return await ask(server, path, "POST", AT_ONCE | fields, json.dumps(members).encode())


def lines(answer: Answered) -> list[dict[str, Any]]:
    """The lines of a stream, each of which is a JSON object."""
    assert (answer.status, answer.headers["content-type"]) == (200, "application/x-ndjson")
    assert answer.body.endswith(b"\n")
    return [json.loads(line) for line in answer.body.splitlines()]


# Answers, as the client has them


async def test_a_chat(client: "AsyncClient") -> None:
    parts = [part async for part in await client.chat("any:7b", [USER], stream=True)]
    assert [part.message.content for part in parts] == [*TOKENS, ""]
    assert {part.model for part in parts} == {"any:7b"}
    assert [part.done for part in parts] == [False] * len(TOKENS) + [True]
    last, whole = parts[-1], await client.chat("any:7b", [USER])
    assert whole.message.content == TEXT
    assert (whole.prompt_eval_count, whole.eval_count) == (1, len(TOKENS))
    assert (whole.done_reason, whole.message.tool_calls) == ("stop", None)
    same = {"created_at", "message"}
    assert last.model_dump(exclude=same) == whole.model_dump(exclude=same)


async def test_a_completion(client: "AsyncClient") -> None:
    parts = [part async for part in await client.generate(MODEL, PROMPT, stream=True)]
    assert [part.response for part in parts] == [*TOKENS, ""]
    whole = await client.generate(MODEL, PROMPT, options={"num_predict": 3})
    assert (whole.response, whole.done_reason) == ("".join(TOKENS[:3]), "length")
    assert whole.eval_count == 3


@pytest.mark.parametrize("think", [True, "high"])
async def test_thinking(client: "AsyncClient", think: Any) -> None:
    thoughts = tokenize(REASONING)
    parts = [part async for part in await client.chat(MODEL, [USER], stream=True, think=think)]
    assert [part.message.thinking for part in parts if part.message.thinking] == thoughts
    assert [part.message.content for part in parts if part.message.content] == TOKENS
    whole = await client.generate(MODEL, PROMPT, think=think)
    assert (whole.thinking, whole.response) == (REASONING, TEXT)
    assert whole.eval_count == len(thoughts) + len(TOKENS)


async def test_the_loop_of_an_agent(client: "AsyncClient") -> None:
    """A call is one line, its arguments are valid, and its result is answered in text."""
    parts = [part async for part in await client.chat(MODEL, [USER], tools=TOOLS, stream=True)]
    calls = [call for part in parts for call in part.message.tool_calls or ()]
    assert len(parts) == len(calls) + 1
    assert len(calls) == 2
    for call in calls:
        peers.module("jsonschema").validate(call.function.arguments, SCHEMA)
    whole = await client.chat(MODEL, [USER], tools=TOOLS)
    assert whole.message.tool_calls == calls
    assert whole.done_reason == "stop"
    results = [
        {"role": "tool", "tool_name": call.function.name, "content": "sun"} for call in calls
    ]
    conversation: list[Any] = [USER, whole.message, *results]
    answer = await client.chat(MODEL, conversation, tools=TOOLS)
    assert answer.message.tool_calls is None
    assert answer.message.content


@pytest.mark.parametrize("form", ["json", SCHEMA])
async def test_a_text_of_a_given_form(client: "AsyncClient", form: Any) -> None:
    for text in (
        (await client.chat(MODEL, [USER], format=form)).message.content,
        (await client.generate(MODEL, PROMPT, format=form)).response,
    ):
        value = json.loads(text or "")
        peers.module("jsonschema").validate(value, {"type": "object"} if form == "json" else form)


async def test_an_image(client: "AsyncClient") -> None:
    without = await client.generate(MODEL, PROMPT)
    with_image = await client.generate(MODEL, PROMPT, images=[b"\x89PNG"])
    assert (with_image.prompt_eval_count or 0) > (without.prompt_eval_count or 0)
    message = {**USER, "images": [b"\x89PNG"]}
    assert (await client.chat(MODEL, [message])).prompt_eval_count == with_image.prompt_eval_count


async def test_the_synchronous_client(target: Served) -> None:
    ollama = peers.module("ollama")

    def said() -> str:
        with ollama.Client(target.url, headers=AT_ONCE, trust_env=False) as client:
            return "".join(part.response for part in client.generate(MODEL, PROMPT, stream=True))

    assert await asyncio.to_thread(said) == TEXT


async def test_a_request_without_a_prompt_loads_the_model(target: Served) -> None:
    for path, content in (
        (CHAT, {"message": {"role": "assistant", "content": ""}}),
        (GENERATE, {"response": ""}),
    ):
        members = {"model": MODEL, "keep_alive": "5m"}
        (line,) = lines(await post(target, path, members))
        whole = json.loads((await post(target, path, members | {"stream": False})).body)
        for answer in (line, whole):
            assert answer.pop("created_at")
            assert answer == {"model": MODEL, **content, "done": True, "done_reason": "load"}


# Errors, as the client raises them


@pytest.mark.parametrize(
    ("fields", "options", "status", "message"),
    [
        ({}, {"num_predikt": 3}, 400, "did you mean 'num_predict'"),
        ({"X-Lab-Gap": "1"}, {}, 400, "gap"),
        ({"X-Lab-Fail-Rate": "1", "X-Lab-Fail-Status": "500"}, {}, 500, "this failure was"),
        ({}, {"stop": ["x" * 2**21]}, 413, "2097152 bytes"),
    ],
)
async def test_a_refusal_raises_with_its_message(
    target: Served, fields: dict[str, str], options: dict[str, Any], status: int, message: str
) -> None:
    error = peers.module("ollama").ResponseError
    async with client_of(target.url, **fields) as client:
        with pytest.raises(error, match=message) as raised:
            await client.chat(MODEL, [USER], options=options)
        assert raised.value.status_code == status
        stream = await client.generate(MODEL, PROMPT, options=options, stream=True)
        with pytest.raises(error, match=message) as raised:
            await anext(aiter(stream))
        assert raised.value.status_code == status


async def test_an_error_in_band_raises(target: Served) -> None:
    received: list[str | None] = []

    async def receive() -> None:
        async with client_of(target.url, **{"X-Lab-Fault": "error@event:2"}) as client:
            async for part in await client.chat(MODEL, [USER], stream=True):
                received.append(part.message.content)

    with pytest.raises(peers.module("ollama").ResponseError, match="this error was requested"):
        await receive()
    assert received == TOKENS[:2]
    answer = await post(target, GENERATE, {"model": MODEL, "prompt": PROMPT},
                        **{"X-Lab-Fault": "error@event:1"})  # fmt: skip
    assert lines(answer)[1:] == [{"error": "this error was requested"}]


@pytest.mark.parametrize(
    ("path", "method", "status"),
    [(CHAT, "GET", 405), ("/api/pull", "POST", 404), (f"{GENERATE}?slots=0&queue=1", "POST", 400)],
)
async def test_every_refusal_has_the_form_of_the_interface(
    target: Served, path: str, method: str, status: int
) -> None:
    answer = await ask(target, path, method, body=b"{}")
    assert (answer.status, answer.headers["content-type"]) == (status, "application/json")
    assert list(json.loads(answer.body)) == ["error"]


# The lines of a stream


async def test_the_lines_of_a_chat(target: Served) -> None:
    before = datetime.now(UTC)
    answer = await post(
        target,
        f"{CHAT}?head_delay=0.02&first_byte_delay=0.01&first_token_delay=0.05&tokens_per_second=100",
        {"model": MODEL, "messages": [USER], "options": {"num_predict": 3, "temperature": 1}},
    )
    assert answer.headers["x-lab-without-effect"] == "options.temperature"
    received = lines(answer)
    times = [datetime.fromisoformat(line.pop("created_at")) for line in received]
    assert [*sorted(times)] == times
    assert before < times[0] < times[-1] < datetime.now(UTC)
    content = [{"role": "assistant", "content": token} for token in [*TOKENS[:3], ""]]
    assert [list(line)[:2] for line in received] == [["model", "message"]] * 4
    assert received == [
        *[{"model": MODEL, "message": message, "done": False} for message in content[:3]],
        {
            "model": MODEL,
            "message": content[3],
            "done": True,
            "done_reason": "length",
            "total_duration": 100 * MS,
            "load_duration": 20 * MS,
            "prompt_eval_count": 1,
            "prompt_eval_duration": 60 * MS,
            "eval_count": 3,
            "eval_duration": 20 * MS,
        },
    ]


async def test_a_call_is_due_with_its_last_token(target: Served) -> None:
    members = {"model": MODEL, "messages": [USER], "tools": TOOLS}
    query = f"{CHAT}?stamps=1&tokens_per_second=200"
    answer = await post(target, query, members)
    stamps = [read_stamp(line) for line in answer.body.decode().splitlines()]
    *calls, last = lines(answer)
    first, second, _ = [stamp.due for stamp in stamps if stamp]
    lengths = [
        len(tokenize(json.dumps(call["function"]["arguments"], separators=(",", ":"))))
        for line in calls
        for call in line["message"]["tool_calls"]
    ]
    assert [line["message"]["tool_calls"][0]["function"]["index"] for line in calls] == [0, 1]
    assert (second - first) // MS == 5 * lengths[1]
    assert last["eval_count"] == sum(lengths)
    assert last["eval_duration"] == 5 * MS * (sum(lengths) - 1)
    assert last["prompt_eval_duration"] == 5 * MS


async def test_a_call_that_is_cut_takes_its_time(target: Served) -> None:
    """It has no line with the call, since its arguments are no JSON."""
    members = {"model": MODEL, "messages": [USER], "tools": TOOLS, "options": {"num_predict": 4}}
    begin = time.monotonic()
    empty, last = lines(await post(target, f"{CHAT}?tokens_per_second=50", members))
    assert time.monotonic() - begin >= 4 / 50 - 0.002
    assert empty["message"] == {"role": "assistant", "content": ""}
    assert (last["done_reason"], last["eval_count"]) == ("length", 4)
    assert last["total_duration"] == 4 * 20 * MS


async def test_one_token(target: Served) -> None:
    members = {"model": MODEL, "prompt": PROMPT, "options": {"num_predict": 1}, "stream": False}
    whole = json.loads((await post(target, f"{GENERATE}?tokens_per_second=100", members)).body)
    assert (whole["prompt_eval_duration"], whole["eval_duration"]) == (10 * MS, 1)


async def test_a_refusal_is_a_text(target: Served) -> None:
    received = lines(await post(target, f"{GENERATE}?refuse=1", {"model": "m", "prompt": "?"}))
    assert "".join([line["response"] for line in received]) == REFUSAL


@pytest.mark.parametrize(
    ("ns", "text"),
    [
        (0, "1970-01-01T00:00:00.000000000Z"),
        (1_735_689_600_000_000_001, "2025-01-01T00:00:00.000000001Z"),
        (1_735_689_599_999_999_999, "2024-12-31T23:59:59.999999999Z"),
    ],
)
def test_a_timestamp(ns: int, text: str) -> None:
    assert timestamp(ns) == text


# What clients ask about models


async def test_the_models(client: "AsyncClient", target: Served) -> None:
    listed = [model.model for model in (await client.list()).models]
    assert listed == [f"{MODEL}:latest", f"{MODEL}-fast:latest"]
    loaded = (await client.ps()).models
    assert [model.name for model in loaded] == listed
    shown = await client.show("any:7b")
    assert shown.capabilities == ["completion", "tools", "thinking", "vision"]
    information = shown.modelinfo or {}
    name = information["general.architecture"]
    assert information[f"{name}.context_length"] == CONTEXT_LENGTH == loaded[0].context_length
    version = json.loads((await ask(target, "/api/version")).body)["version"]
    assert version.count(".") == 2


@pytest.mark.parametrize(
    ("name", "status"), [("one", 200), ("one:latest", 200), ("one:7b", 404), ("two", 404)]
)
async def test_a_strict_target(serve: Serve, name: str, status: int) -> None:
    app = Router()
    add_ollama(app, Lateness(), Models(["one"], is_strict=True))
    server = await serve(app)
    for path in (CHAT, "/api/show"):
        answer = await post(server, path, {"model": name})
        assert answer.status == status
        if status == 404:
            assert f"the model '{name}' does not exist" in json.loads(answer.body)["error"]
