"""Jobs that are refused, and requests about jobs that do not exist."""

import asyncio
import json
import uuid

import pytest

from streamserver.demo import jobs
from streamserver.demo.app import make_app
from support.asking import ask
from support.feeds import JOBS, LONG, begin, cancel, post, state, until_ended
from support.inprocess import Serve, Served
from support.problems import check_refusal

STEPS = "a whole number from 1 to 1000"
INTERVAL = "a duration from 0 to 60 seconds, as in 0.5 or 500ms"


@pytest.mark.parametrize(
    ("body", "name", "allowed"),
    [
        ({"steps": 0}, "steps", STEPS),
        ({"steps": 1001}, "steps", STEPS),
        ({"steps": 2.5}, "steps", STEPS),
        ({"steps": "3"}, "steps", STEPS),
        ({"steps": True}, "steps", STEPS),
        ({"interval": -0.1}, "interval", INTERVAL),
        ({"interval": 60.1}, "interval", INTERVAL),
        ({"interval": "1"}, "interval", INTERVAL),
        ({"interval": float("nan")}, "interval", INTERVAL),
        ({"interval": float("inf")}, "interval", INTERVAL),
        ({"interval": 10**400}, "interval", INTERVAL),
        ({"steps": 31, "interval": 60}, "interval", "58.064 at most for 31 steps"),
        ({"steps": 43, "interval": 41.8605}, "interval", "41.86 at most for 43 steps"),
        ({"steps": 1000, "interval": 1.81}, "interval", "1.8 at most for 1000 steps"),
        ({"fail_at": 0}, "fail_at", STEPS),
        ({"fail_at": 1001}, "fail_at", STEPS),
        ({"fail_at": False}, "fail_at", STEPS),
    ],
)
async def test_a_job_that_is_refused(server: Served, body: object, name: str, allowed: str) -> None:
    check_refusal(await post(server, JOBS, body), name, allowed)


@pytest.mark.parametrize("body", [b"", b"{", b"[1]", b"7", b"null", b"\xff"])
async def test_what_is_no_json_object(server: Served, body: bytes) -> None:
    assert (await post(server, JOBS, body)).status == 400


async def test_a_body_is_bounded(server: Served) -> None:
    body = b'{"steps": 1, "interval": 0' + b" " * 16357 + b"}"
    assert (await post(server, JOBS, body)).status == 202
    assert (await post(server, JOBS, body + b" ")).status == 413


@pytest.mark.parametrize("id", [uuid.UUID(int=7), "7", "x", "%00", f"{uuid.UUID(int=7)}x"])
async def test_no_such_job(server: Served, id: object) -> None:
    await begin(server, **LONG)
    for method, target in (("GET", ""), ("DELETE", ""), ("GET", "/events")):
        assert (await ask(server, f"{JOBS}/{id}{target}", method)).status == 404


@pytest.mark.parametrize("each_alone", [False, True])
async def test_where_each_worker_is_alone_another_may_have_it(
    serve: Serve, each_alone: bool
) -> None:
    server = await serve(make_app(each_alone=each_alone))
    received = json.loads((await ask(server, f"{JOBS}/{uuid.uuid4()}")).body)
    assert received["detail"].startswith("there is no such job, or it has expired")
    assert ("another worker runs it" in received["detail"]) is each_alone
    assert ("--redis shares the jobs" in received["detail"]) is each_alone


async def test_a_position_that_is_none(server: Served) -> None:
    job = await begin(server, steps=1, interval=0)
    for _ in ("while it runs", await until_ended(server, job)):
        answer = await ask(server, f"{job}/events", fields={"Last-Event-ID": "1"})
        assert answer.status == 400


async def test_an_id_in_capitals_is_the_same(server: Served) -> None:
    job = await begin(server, **LONG)
    assert (await state(server, job.upper().replace("/API/JOBS", JOBS)))["state"] == "running"


async def test_no_more_than_so_many_at_once(
    server: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "MAX_JOBS", 3)
    answers = await asyncio.gather(*(post(server, JOBS, LONG) for _ in range(5)))
    refused = [answer for answer in answers if answer.status == 503]
    assert sorted(answer.status for answer in answers) == [202] * 3 + [503] * 2
    assert "3 jobs are running" in json.loads(refused[0].body)["detail"]
    assert refused[0].headers["retry-after"] == "5"
    job = next(answer.headers["location"] for answer in answers if answer.status == 202)
    assert await cancel(server, job) == 202
    assert (await until_ended(server, job))["state"] == "cancelled"
    await begin(server)  # there is room again
