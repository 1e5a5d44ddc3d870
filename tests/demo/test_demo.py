"""The lesson as a whole: what it refuses."""

import json

import pytest

from streamserver.demo import app as demo_app
from support.asking import ask
from support.inprocess import Serve, Served
from support.problems import check_refusal

# What is refused

COUNTS = "a whole number from 1 to 100000"
ROWS = "a whole number from 1 to 100000000"
CPS = "a number from 1 to 1000"


@pytest.mark.parametrize(
    ("target", "name", "allowed"),
    [
        ("/api/counter?count=0", "count", COUNTS),
        ("/api/counter?count=100001", "count", COUNTS),
        ("/api/counter?count=ten", "count", COUNTS),
        ("/api/counter?interval=-1", "interval", "a number from 0 to 60"),
        ("/api/counter?interval=61", "interval", "a number from 0 to 60"),
        ("/api/export?rows=0", "rows", ROWS),
        ("/api/export?rows=100000001", "rows", ROWS),
        ("/api/export?format=xml", "format", "one of csv, ndjson"),
    ],
)
async def test_a_bad_query(server: Served, target: str, name: str, allowed: str) -> None:
    check_refusal(await ask(server, target), name, allowed)


@pytest.mark.parametrize("last", ["-1", "x", "100000"])
async def test_a_bad_last_event_id(server: Served, last: str) -> None:
    answer = await ask(server, "/api/counter", fields={"Last-Event-ID": last})
    check_refusal(answer, "Last-Event-ID", "a whole number from 0 to 99999")


@pytest.mark.parametrize(
    ("body", "name", "allowed"),
    [
        ({}, "text", "a text of 1 to 10000 characters"),
        ({"text": ""}, "text", "a text of 1 to 10000 characters"),
        ({"text": "x" * 10_001}, "text", "a text of 1 to 10000 characters"),
        ({"text": "\ud800"}, "text", "a text of 1 to 10000 characters"),
        ({"text": 7}, "text", "a text of 1 to 10000 characters"),
        ({"text": "x", "cps": 0.5}, "cps", CPS),
        ({"text": "x", "cps": 1001}, "cps", CPS),
        ({"text": "x", "cps": "40"}, "cps", CPS),
    ],
)
async def test_a_bad_body(server: Served, body: object, name: str, allowed: str) -> None:
    answer = await ask(server, "/api/type", "POST", body=json.dumps(body).encode())
    check_refusal(answer, name, allowed)


# As it is served by default


async def test_the_default_app_is_the_lesson(serve: Serve) -> None:
    answer = await ask(await serve(demo_app.app), "*", "OPTIONS")
    assert answer.headers["allow"] == "DELETE, GET, HEAD, OPTIONS, POST, PUT"
