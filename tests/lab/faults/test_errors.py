"""An error in band: at its position, in the form of each interface, before a proper end."""

import json

import pytest

from streamserver.lab.client.client import Client
from streamserver.lab.client.request import RequestSpec
from streamserver.lab.model.routes import INTERFACES
from streamserver.lab.target.app import make_target
from support.asking import Answered, ask
from support.breaking import LAST, outcome
from support.inprocess import Serve, Served
from support.interfaces import question as ask_of
from support.model import TARGET as CHAT
from support.model import question
from support.requests import get

MESSAGE = b'"message":"this error was requested"'
ERROR = b'event: error\ndata: {"error":{"type":"server_error",%b}}\n\n' % MESSAGE
LINE = b'{"error":"this error was requested"}\n'
QUERY = "gap=0&count=4&size=1&seed=3"
ZERO = b'id: 0\ndata: {"seq":0,"text":"P"}\n\n'


@pytest.fixture
async def target(serve: Serve) -> Served:
    return await serve(make_target())


def cut(body: bytes, events: int, border: bytes = b"\n\n") -> bytes:
    """The first events of a body."""
    return b"".join([event + border for event in body.split(border)[:events]])


async def body(target: Served, path: str) -> bytes:
    answer = await ask(target, path)
    assert answer.status == 200, answer.body
    return answer.body


@pytest.mark.parametrize("count", [0, 2, 4])
async def test_an_event_stream_reports_an_error_after_some_events(
    target: Served, count: int
) -> None:
    whole = await body(target, f"/sse?{QUERY}")
    answer = await body(target, f"/sse?{QUERY}&fault=error@event:{count}")
    assert answer == cut(whole, count) + ERROR
    exchange = target.ended[-1]
    assert (exchange.outcome, exchange.attributes) == (
        "complete",
        (("fault", f"error@event:{count}"),),
    )


@pytest.mark.parametrize("path", ["/jsonl?" + QUERY, "/stream/4?gap=0"])
async def test_each_json_line_is_an_event(target: Served, path: str) -> None:
    whole = await body(target, path)
    assert await body(target, f"{path}&fault=error@event:2") == cut(whole, 2, b"\n") + LINE
    assert await body(target, f"{path}&fault=error") == whole + LINE
    sent = get(f"{path}&fault=truncate@event:3".encode(), b"Connection: close")
    seen = await outcome(target, sent)
    assert seen.body.count(b'"seq":') + seen.body.count(b'{"id":') == 3


async def test_an_error_within_an_event_is_an_event_of_its_own(target: Served) -> None:
    whole = await body(target, f"/sse?{QUERY}")
    for size in (0, 10, len(cut(whole, 1)), len(cut(whole, 1)) + 1):
        answer = await body(target, f"/sse?{QUERY}&fault=error@byte:{size}")
        border = b"" if size in (0, len(cut(whole, 1))) else b"\n\n"
        assert answer == whole[:size] + border + ERROR
    crlf = f"/sse?{QUERY}&line_end=crlf"
    answer = await body(target, f"{crlf}&fault=error@byte:10")
    assert answer == (await body(target, crlf))[:10] + b"\r\n\r\n" + ERROR.replace(b"\n", b"\r\n")


WIRE = [
    *("chunk_size=3", "chunk_events=2", "chunk_split=event"),
    *("write_events=2", "write_split=framing"),
]


@pytest.mark.parametrize("boundary", WIRE)
async def test_boundaries_do_not_change_the_error(target: Served, boundary: str) -> None:
    whole = await body(target, f"/sse?{QUERY}")
    answer = await body(target, f"/sse?{QUERY}&{boundary}&fault=error@event:2")
    assert answer == cut(whole, 2) + ERROR


async def complete(target: Served, path: str, fault: str) -> list[str]:
    """The data of each event of a model's answer."""
    asked = question(stream=True)
    if path != CHAT:
        asked["prompt"] = asked.pop("messages")[0]["content"]
    answer: Answered = await ask(
        target, f"{path}?fault={fault}", "POST", body=json.dumps(asked).encode()
    )
    assert (answer.status, answer.headers["x-lab-fault"]) == (200, fault)
    return [one.removeprefix("data: ") for one in answer.body.decode().split("\n\n")[:-1]]


OPENAI = {"type": "server_error", "param": None, "code": None}
VLLM = {"type": "InternalServerError", "param": None, "code": 500}


@pytest.mark.parametrize("path", [CHAT, "/v1/completions"])
@pytest.mark.parametrize(("form", "members"), [("", OPENAI), (":openai", OPENAI), (":vllm", VLLM)])
async def test_a_model_reports_an_error_as_openai_and_vllm_do(
    target: Served, path: str, form: str, members: dict[str, object]
) -> None:
    before, *others = (await complete(target, path, f"error@event:3{form}"))[2:]
    assert "choices" in json.loads(before)
    error = {"error": {"message": "this error was requested", **members}}
    assert json.loads(others[0]) == error
    assert others[1:] == (["[DONE]"] if form == ":vllm" else [])


@pytest.mark.parametrize(
    ("path", "kind", "piece"),
    [
        (CHAT, "chat.completion.chunk", {"delta": {"content": ""}}),
        ("/v1/completions", "text_completion", {"text": ""}),
    ],
)
async def test_a_model_reports_an_error_as_openrouter_does(
    target: Served, path: str, kind: str, piece: dict[str, object]
) -> None:
    first, *_, last, done = await complete(target, path, "error@event:3:openrouter")
    answer = json.loads(last)
    assert (answer["id"], answer["object"], done) == (json.loads(first)["id"], kind, "[DONE]")
    assert answer["error"] == {"code": 502, "message": "this error was requested"}
    [choice] = answer["choices"]
    assert choice == {"index": 0, **piece, "logprobs": None, "finish_reason": "error"}


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("/raw?fault=error", "needs a stream of events or of JSON lines"),
        ("/bytes/9?fault=error", "needs a stream of events or of JSON lines"),
        ("/get?fault=error@event:1", "needs a stream of events or of JSON lines"),
        ("/v1/models?fault=error", "needs a stream of events or of JSON lines"),
        (
            "/sse?fault=error:vllm",
            "fault error:SERVICE must be omitted",
        ),
        (
            "/jsonl?fault=error:openai",
            "fault error:SERVICE must be omitted",
        ),
    ],
)
async def test_a_body_without_events_cannot_report_an_error(
    target: Served, path: str, why: str
) -> None:
    answer = await ask(target, path)
    assert answer.status == 400
    assert why in answer.body.decode()


async def test_a_break_before_an_error_ends_the_body(target: Served) -> None:
    path = f"/sse?{QUERY}&fault=truncate@event:1,error@event:2".encode()
    seen = await outcome(target, get(path, b"Connection: close"))
    assert b"event: error" not in seen.body
    assert LAST not in seen.body


async def test_a_model_s_answer_in_one_object_cannot_report_an_error(target: Served) -> None:
    whole = json.dumps(question(stream=False)).encode()
    answer = await ask(target, f"{CHAT}?fault=error", "POST", body=whole)
    assert answer.status == 400
    assert "needs a stream of events" in json.loads(answer.body)["error"]["message"]


ERRORS = [
    *[(f"{path}?{QUERY}&fault=error@event:2", b"") for path in ("/sse", "/jsonl")],
    *[
        (
            f"{one.path}?tokens_per_second=1000&fault=error@event:2{service and ':'}{service}",
            json.dumps(ask_of(one)).encode(),
        )
        for one in INTERFACES
        for service in ("", *one.services)
    ],
]


@pytest.mark.parametrize(("path", "body"), ERRORS, ids=[path for path, _ in ERRORS])
async def test_our_client_reports_each_error_as_a_failure(
    target: Served, path: str, body: bytes
) -> None:
    client = Client(RequestSpec(target.url + path, "POST" if body else "GET", body=body))
    record = await client.exchange()
    client.close()
    assert (record.status, record.end) == (200, "failed")
    assert "this error was requested" in record.detail
