"""Ollama's chats and completions on the wire: the lines of a stream, and refusals."""

import json
import time
from datetime import UTC, datetime

import pytest

from streamserver.kit.router import Router
from streamserver.lab.model import add_ollama
from streamserver.lab.model.models import Models
from streamserver.lab.model.ollama.lines import timestamp
from streamserver.lab.model.text import REFUSAL, tokenize
from streamserver.lab.stamps import read_stamp
from streamserver.lab.target.pacing import Lateness
from support.asking import ask
from support.inprocess import Serve, Served
from support.model import MODEL, PROMPT, TOKENS
from support.ollama_client import CHAT, GENERATE, TOOLS, USER, lines, post

MS = 1_000_000


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


# Refusals


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
