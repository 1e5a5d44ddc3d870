"""A streamed completion on the wire: its bytes, their order and their times."""

import contextlib
import json
import re
import time
from collections.abc import Iterator
from typing import Any

import pytest

from streamserver.lab.model.text import FINGERPRINT
from support.answers import chunks
from support.inprocess import Serve, Served
from support.model import (
    CAPPED,
    MODEL,
    PROMPT,
    TARGET,
    TOKENS,
    USAGE,
    WITH_USAGE,
    ask_model,
    make_model,
    question,
)
from support.rawsocket import connect
from support.requests import post
from support.waiting import wait_until


def sent(members: object) -> bytes:
    return post(json.dumps(members).encode(), target=TARGET.encode())


async def stream(server: Served, **members: Any) -> list[bytes]:
    """The chunks of a whole stream."""
    async with connect(server.port) as client:
        await client.send(sent(question(PROMPT, stream=True, **members)))
        return chunks(await client.read_until(b"\r\n0\r\n\r\n"))


# The events


def event(delta: str, finish_reason: str, rest: str) -> str:
    choice = f'"index":0,"delta":{delta},"logprobs":null,"finish_reason":{finish_reason}'
    return f'"choices":[{{{choice}}}]{rest}'


def expected(pieces: list[str], finish_reason: str, usage: dict[str, int] | None) -> Iterator[str]:
    """The members that differ from event to event."""
    null = "" if usage is None else ',"usage":null'
    yield event('{"role":"assistant","content":""}', "null", null)
    for piece in pieces:
        content = json.dumps(piece, ensure_ascii=False)
        yield event(f'{{"content":{content}}}', "null", null)
    yield event("{}", f'"{finish_reason}"', null)
    if usage is not None:
        yield f'"choices":[],"usage":{json.dumps(usage, separators=(",", ":"))}'


@pytest.mark.parametrize(
    ("members", "pieces", "finish_reason", "usage"),
    [
        ({}, TOKENS, "stop", None),
        ({"stream_options": {}}, TOKENS, "stop", None),
        ({"stream_options": WITH_USAGE}, TOKENS, "stop", USAGE),
        ({"max_tokens": 3, "stream_options": WITH_USAGE}, TOKENS[:3], "length", CAPPED),
    ],
)
async def test_the_bytes_of_a_stream(
    server: Served,
    members: dict[str, Any],
    pieces: list[str],
    finish_reason: str,
    usage: dict[str, int] | None,
) -> None:
    before = int(time.time())
    received = await stream(server, **members)
    found = re.match(rb'data: {"id":"(chatcmpl-\w{20,})",.*?"created":(\d+),', received[0])
    assert found, received[0]
    assert before <= int(found[2]) <= time.time()
    same = (
        f'"id":"{found[1].decode()}","object":"chat.completion.chunk","created":{int(found[2])},'
        f'"model":"{MODEL}","system_fingerprint":"{FINGERPRINT}"'
    )
    events = [f"data: {{{same},{one}}}\n\n" for one in expected(pieces, finish_reason, usage)]
    # Each event is a chunk, and there is nothing else: no comment, id or retry.
    assert received == [one.encode() for one in [*events, "data: [DONE]\n\n"]]


async def test_the_head_of_a_stream(server: Served) -> None:
    answered = await ask_model(server, question(stream=True))
    assert answered.status == 200
    assert answered.headers["content-type"] == "text/event-stream"
    assert answered.headers["cache-control"] == "no-cache, no-transform"


async def test_each_completion_has_its_id(server: Served) -> None:
    first, second = [await ask_model(server, question()) for _ in range(2)]
    assert json.loads(first.body)["id"] != json.loads(second.body)["id"]


# Times


async def test_no_token_is_early(server: Served) -> None:
    """The role is due at once, token n after n gaps, and the end with the last token."""
    begin = time.monotonic()
    arrived: list[float] = []
    async with connect(server.port) as client:
        members = question(stream=True, max_tokens=8, tokens_per_second=40)
        await client.send(sent(members))
        while len(arrived) < 9:
            await client.read_until(lambda received: received.count(b"data: ") > len(arrived))
            arrived.append(time.monotonic() - begin)
    assert all(at >= n / 40 - 0.002 for n, at in enumerate(arrived)), arrived


async def test_a_whole_completion_takes_as_long_as_its_stream(server: Served) -> None:
    begin = time.monotonic()
    await ask_model(server, question(max_tokens=8, tokens_per_second=40))
    assert time.monotonic() - begin >= 8 / 40 - 0.002


@pytest.mark.parametrize(("model", "pace"), [(MODEL, 30), (f"{MODEL}-fast", 300)])
async def test_each_model_has_its_pace(server: Served, model: str, pace: int) -> None:
    begin = time.monotonic()
    await ask_model(server, question(model=model, max_tokens=6, tokens_per_second=None))
    assert time.monotonic() - begin >= 6 / pace - 0.002


async def test_tokens_are_sent_when_due_until_the_client_leaves(
    server: Served,
) -> None:
    """The whole stream would take a minute, longer than a test may."""
    async with connect(server.port) as client:
        await client.send(sent(question(stream=True, tokens_per_second=1)))
        await client.read_until(b'"content":"' + TOKENS[0].encode())
    assert await wait_until(lambda: [one.outcome for one in server.ended]) == ["client_gone"]


async def test_a_cut_stream_has_no_end(server: Served) -> None:
    async with connect(server.port) as client:
        await client.send(sent(question(stream=True, tokens_per_second=1)))
        await client.read_until(b'"role"')
        await server.stop(grace=0)
        with contextlib.suppress(ConnectionResetError):
            await client.read_until()
    assert client.received.endswith(b'"finish_reason":null}]}\n\n\r\n')


async def test_a_completion_has_no_heartbeat(serve: Serve) -> None:
    server = await serve(make_model(), heartbeat=0.01)
    received = await stream(server, tokens_per_second=20, max_tokens=4)
    assert all(chunk.startswith(b"data: ") for chunk in received)
