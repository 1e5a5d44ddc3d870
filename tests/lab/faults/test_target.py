"""Faults of the target: every endpoint with a body, and what a request may not ask for."""

import json

import pytest

from streamserver.lab.target.app import make_target
from streamserver.observe.accesslog import text_line
from support.asking import ask
from support.breaking import broken, outcome
from support.inprocess import Serve, Served
from support.model import TARGET as CHAT
from support.model import question
from support.requests import get, post
from support.waiting import wait_until

SSE = "/sse?count=5&gap=0&size=1&seed=3"
CLOSE = b"Connection: close"


@pytest.fixture
async def target(serve: Serve) -> Served:
    return await serve(make_target())


WITH_A_BODY = [
    *("/sse?gap=0", "/jsonl?gap=0", "/raw?gap=0", "/bytes/100", "/stream-bytes/100"),
    *("/stream/3", "/drip?duration=0.02&numbytes=100"),
    *("/get", "/headers", "/delay/0", "/v1/models"),
]


@pytest.mark.parametrize("path", WITH_A_BODY)
@pytest.mark.parametrize(("fault", "end"), [("truncate", "FIN"), ("rst", "RST")])
async def test_every_endpoint_that_has_a_body_breaks(
    target: Served, path: str, fault: str, end: str
) -> None:
    assert (await broken(target, f"{fault}@byte:20", path)).end == end
    (exchange,) = await wait_until(lambda: target.ended)
    assert (exchange.bytes_sent, exchange.outcome) == (20, "truncated")


@pytest.mark.parametrize("path", [CHAT, "/v1/completions"])
@pytest.mark.parametrize("stream", [True, False])
async def test_the_model_breaks(target: Served, path: str, stream: bool) -> None:
    asked = question(stream=stream) | ({} if path == CHAT else {"messages": None, "prompt": "a"})
    asked = {name: value for name, value in asked.items() if value is not None}
    sent = post(
        json.dumps(asked).encode(), fields=[CLOSE], target=f"{path}?fault=truncate@byte:30".encode()
    )
    assert (await outcome(target, sent)).end == "FIN"
    (exchange,) = await wait_until(lambda: target.ended)
    assert (exchange.status, exchange.bytes_sent, exchange.outcome) == (200, 30, "truncated")


async def test_faults_may_be_fields_and_the_query_takes_precedence(target: Served) -> None:
    field = b"X-Lab-Fault: truncate@event:2"
    sent = get(SSE.encode(), CLOSE, field)
    assert (await outcome(target, sent)).body.count(b"data:") == 2
    sent = get(SSE.encode(), CLOSE, b"X-Lab-Fault: garbage@event:1", field)
    seen = await outcome(target, sent)
    assert (seen.body.count(b"data:"), seen.body.count(b"\xff")) == (2, 1)
    assert (await broken(target, "truncate@event:3", SSE, field)).body.count(b"data:") == 3
    seen = await outcome(target, get(f"{SSE}&f%61ult=truncate@event%3a4".encode(), CLOSE))
    assert seen.body.count(b"data:") == 4
    answer = await ask(target, "/get", fields={"X-Lab-Fail-Rate": "1", "X-Lab-Fail-Status": "429"})
    assert (answer.status, answer.headers["retry-after"]) == (429, "1")


async def test_the_seed_selects_a_position_and_the_response_reports_it(
    target: Served,
) -> None:
    positions = set()
    for seed in range(20):
        path = f"/sse?count=5&gap=0&size=1&seed={seed}"
        seen = await broken(target, "truncate@event:?", path)
        again = await broken(target, "truncate@event:?", path)
        answer = seen.head.partition(b"x-lab-fault: truncate@event:")[2].split(b"\r\n")[0]
        assert seen.body.count(b"data:") == int(answer)
        assert again.body == seen.body
        positions.add(int(answer))
    assert positions == {0, 1, 2, 3, 4}


async def test_the_parameters_of_faults_are_removed_from_the_request(target: Served) -> None:
    path = "/get?a=b%20c&fault=garbage&fail_rate=0&c"
    answer = await ask(target, path, fields={"X-Lab-Fault": "rst", "X-Other": "kept"})
    seen = json.loads(answer.body.partition(b"\xff")[0])
    assert seen["args"] == {"a": "b c", "c": ""}
    assert "X-Lab-Fault" not in seen["headers"]
    assert "kept" in seen["headers"].values()


async def test_a_wrong_fault_is_refused_in_the_form_of_the_interface(
    target: Served,
) -> None:
    answer = await ask(target, f"{SSE}&fault=truncate@event:x")
    problem = json.loads(answer.body)
    assert (answer.status, problem["parameter"]) == (400, "fault truncate@event:NUMBER")
    assert "from 0 to 1000000000" in problem["allowed"]
    answer = await ask(target, f"{CHAT}?fault=crash", "POST", body=json.dumps(question()).encode())
    assert answer.status == 400
    assert "fault must be one of truncate" in json.loads(answer.body)["error"]["message"]
    answer = await ask(target, f"{CHAT}?fail_rate=1", "POST", body=json.dumps(question()).encode())
    assert (answer.status, answer.headers["retry-after"]) == (503, "1")
    assert "requested" in json.loads(answer.body)["error"]["message"]


NEEDS = [
    ("/sse?fault=length_over:1", b"needs a body whose length is known"),
    ("/sse?fault=slow_close,unfinished", b"cannot be with slow_close"),
    ("/sse?fault=length:1&fault=half_head", b"cannot be with length:1"),
    ("/sse?fail_first=1", b"fail_key is missing"),
]


@pytest.mark.parametrize(("path", "why"), NEEDS, ids=[one[0] for one in NEEDS])
async def test_a_fault_that_the_response_cannot_have_is_refused(
    target: Served, path: str, why: bytes
) -> None:
    answer = await ask(target, path)
    assert answer.status == 400
    assert why in answer.body


async def test_the_first_requests_of_a_client_fail(target: Served) -> None:
    async def statuses(key: str) -> list[int]:
        path = f"{SSE}&fail_first=2&fail_status=500&fail_key={key}"
        return [(await ask(target, path)).status for _ in range(4)]

    assert await statuses("a") == [500, 500, 200, 200]
    assert await statuses("b") == [500, 500, 200, 200]
    assert target.ended[0].attributes == (("fault", "status:500"),)
    assert [str(exchange.outcome) for exchange in target.ended] == ["complete"] * 8


async def test_a_stall_adds_no_lateness(target: Served) -> None:
    """Events that were due meanwhile are due after it."""
    path = "/sse?count=4&gap=0.01&seed=1&fault=stall@event:1:0.5"
    assert (await ask(target, path)).status == 200
    assert json.loads((await ask(target, "/lab/lateness")).body)["max_ms"] < 450


async def test_the_access_log_has_the_faults_that_took_effect(target: Served) -> None:
    await broken(target, "stall@event:1:0,garbage@event:2,truncate@event:3,rst@event:4", SSE)
    line = text_line("now", target.ended[0])
    assert line.endswith(" truncated fault=stall@event:1,garbage@event:2,truncate@event:3\n")
