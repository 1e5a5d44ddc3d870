"""The chat with the demo's own model, over the real demo, and what it refuses."""

import asyncio
import json

import pytest

from streamserver.demo.chat import Chat
from streamserver.lab.model.asked import Message
from streamserver.lab.model.text import answer_text, tokenize
from support.answers import chunks
from support.asking import ask
from support.chatting import FAST, TARGET, chat_with, make_app, prompting, spoken
from support.inprocess import Serve, Served
from support.model import PROMPT, TEXT, TOKENS, ask_model, question
from support.rawsocket import connect, until_end
from support.requests import get
from support.waiting import wait_until

DONE = b"data: [DONE]\n\n"


async def test_the_answer_is_a_stream_of_the_models_events(server: Served) -> None:
    async with connect(server.port) as client:
        await client.send(prompting(PROMPT, model=FAST))
        received = await client.read_until(b"\r\n0\r\n\r\n", timeout=20.0)
    assert spoken(b"".join(chunks(received))) == TEXT
    # Its role, each token, the reason why it ends, and the end: as the model sends them.
    assert len([chunk for chunk in chunks(received) if chunk.startswith(b"id: ")]) > 3
    assert b"".join(chunks(received)).count(b"data: ") == len(TOKENS) + 3
    assert chunks(received)[-1].endswith(DONE)


async def test_the_same_question_has_the_same_answer(server: Served) -> None:
    """As it would have from the model itself."""
    once, again = [await chat_with(server, {"prompt": PROMPT, "model": FAST}) for _ in range(2)]
    direct = await ask_model(server, question(PROMPT, stream=True))
    assert spoken(once.body) == spoken(again.body) == spoken(direct.body) == TEXT
    assert once.body.endswith(DONE)


async def test_each_token_comes_when_it_is_spoken(server: Served) -> None:
    """At the model's own pace the whole answer takes some seconds."""
    async with connect(server.port) as client:
        await client.send(prompting(PROMPT))
        for token in TOKENS[:3]:
            await client.read_until(b'"content":' + json.dumps(token, ensure_ascii=False).encode())
        assert DONE not in client.received
    assert await wait_until(lambda: [one.outcome for one in server.ended]) == ["client_gone"]


async def test_the_head_of_an_answer(server: Served) -> None:
    answered = await chat_with(server, {"prompt": "hello", "model": FAST})
    assert answered.status == 200
    assert dict(answered.headers)["content-type"] == "text/event-stream"
    assert dict(answered.headers)["cache-control"] == "no-cache, no-transform"
    assert dict(answered.headers)["x-accel-buffering"] == "no"


async def test_a_system_prompt_comes_first(server: Served) -> None:
    asked = {"prompt": "hello", "system": "Be brief.", "model": FAST}
    conversation = [Message("system", "Be brief."), Message("user", "hello")]
    assert spoken((await chat_with(server, asked)).body) == answer_text(conversation)


async def test_several_may_ask_first(serve: Serve) -> None:
    """The model is started once, and not waited for by one of them alone."""
    server = await serve(make_app(Chat(model=FAST)))
    prompts = ["one", "two", "three"]
    answers = await asyncio.gather(*[chat_with(server, {"prompt": one}) for one in prompts])
    for prompt, answered in zip(prompts, answers, strict=True):
        assert spoken(answered.body) == answer_text([Message("user", prompt)])


async def test_who_asks_first_may_leave(serve: Serve) -> None:
    server = await serve(make_app(Chat(model=FAST)))
    async with connect(server.port) as client:
        await client.send(prompting())
        client.reset()
        await wait_until(lambda: server.ended)
    assert (await chat_with(server, {"prompt": "hello"})).status == 200


async def test_a_stop_cuts_the_answer_and_ends_the_model(serve: Serve) -> None:
    """Nothing of either is left, and half an answer does not look like a whole one."""
    server = await serve(make_app(Chat()))
    async with connect(server.port) as client:
        await client.send(prompting(PROMPT))
        await client.read_until(b'"role"')
        await server.stop(grace=0)
        await until_end(client)
        assert DONE not in client.received
        assert not client.received.endswith(b"0\r\n\r\n")


async def test_one_chat_serves_two_servers(serve: Serve) -> None:
    """Each has a model of its own, which ends with it."""
    app = make_app(Chat(model=FAST))
    first, second = await serve(app), await serve(app)
    for server in (first, second):
        assert (await chat_with(server, {"prompt": "hello"})).status == 200
    await first.stop()
    assert (await chat_with(second, {"prompt": "hello"})).status == 200


async def test_a_model_that_there_is_not(server: Served) -> None:
    """It is for the model to say so, in its own words."""
    answered = await chat_with(server, {"prompt": "hello", "model": "gpt-4o"})
    assert answered.status == 404
    assert json.loads(answered.body)["error"]["code"] == "model_not_found"
    assert answered.headers["content-type"] == "application/json"


# An answer survives its reader


async def test_the_same_question_with_its_key_is_answered_once(server: Served) -> None:
    body = json.dumps({"prompt": PROMPT, "model": FAST}).encode()
    key = {"Idempotency-Key": '"a-question"'}
    once, again = [await ask(server, TARGET, "POST", key, body) for _ in range(2)]
    assert once.body == again.body
    assert spoken(once.body) == TEXT
    assert once.headers["location"] == again.headers["location"]
    read = await ask(server, once.headers["location"])
    assert read.body == once.body
    other = await ask(server, TARGET, "POST", key, body.replace(b"Gr", b"gr"))
    assert other.status == 422


async def test_another_ones_answer_is_not_found(server: Served) -> None:
    body = json.dumps({"prompt": PROMPT, "model": FAST}).encode()
    asked = await ask(server, TARGET, "POST", {"Cookie": "session=1"}, body)
    location = asked.headers["location"]
    assert (await ask(server, location, fields={"Cookie": "session=2"})).status == 404
    assert (await ask(server, location, "DELETE")).status == 404
    assert (await ask(server, location, fields={"Cookie": "session=1"})).body == asked.body
    refused = await ask(server, location, "DELETE", {"Origin": "http://evil.example"})
    assert refused.status == 403


# What is refused

OBJECT = "the body must be a JSON object"
TEXT_ALLOWED = "a text of 1 to 20000 characters"
REFUSED: list[tuple[object, str]] = [
    (b"", "JSON"),
    (b"prompt=hello", "JSON"),
    (b'{"prompt": "hello"', "JSON"),
    (b"\xff", "JSON"),
    ([], OBJECT),
    ("hello", OBJECT),
    (None, OBJECT),
    ({}, f"prompt is missing: it must be {TEXT_ALLOWED}"),
    ({"Prompt": "hello"}, "prompt is missing"),
    ({"prompt": ""}, f"prompt must be {TEXT_ALLOWED}"),
    ({"prompt": "x" * 20_001}, f"prompt must be {TEXT_ALLOWED}"),
    ({"prompt": 7}, f"prompt must be {TEXT_ALLOWED}, not 7"),
    ({"prompt": ["hello"]}, f"prompt must be {TEXT_ALLOWED}"),
    ({"prompt": "\ud800"}, f"prompt must be {TEXT_ALLOWED}"),
    ({"prompt": "hello", "system": ""}, f"system must be {TEXT_ALLOWED}"),
    ({"prompt": "hello", "system": 7}, f"system must be {TEXT_ALLOWED}, not 7"),
    ({"prompt": "hello", "system": "x" * 20_001}, f"system must be {TEXT_ALLOWED}"),
    ({"prompt": "hello", "model": ""}, "model must be a text of 1 to 200 characters"),
    ({"prompt": "hello", "model": 7}, "model must be a text of 1 to 200 characters, not 7"),
    ({"prompt": "hello", "model": "x" * 201}, "model must be a text of 1 to 200 characters"),
]


@pytest.mark.parametrize(("body", "why"), REFUSED, ids=lambda value: f"{value}"[:40])
async def test_a_bad_question(server: Served, body: object, why: str) -> None:
    answered = await chat_with(server, body)
    assert answered.status == 400
    assert answered.headers["content-type"] == "application/problem+json"
    assert why in json.loads(answered.body)["detail"]


@pytest.mark.parametrize("prompt", ["x", "é" * 20_000, "\0\n\u2028\N{WAVING HAND SIGN}"])
async def test_the_longest_and_the_strangest_question(server: Served, prompt: str) -> None:
    answered = await chat_with(server, {"prompt": prompt, "model": FAST})
    assert spoken(answered.body) == answer_text([Message("user", prompt)])
    assert len(tokenize(spoken(answered.body))) > 3


async def test_it_is_asked_by_post(server: Served) -> None:
    async with connect(server.port) as client:
        await client.send(get(TARGET.encode()))
        assert (await client.read_until(b"\r\n\r\n")).startswith(b"HTTP/1.1 405 ")
