"""The demo as a whole: which requests it refuses."""

import json

import pytest

from support.asking import ask
from support.inprocess import Served
from support.problems import check_refusal

# What is refused

COUNTS = "a whole number from 1 to 100000"
ROWS = "a whole number from 1 to 100000000"
INTERVALS = "a duration from 0 to 60 seconds, as in 0.5 or 500ms"
CPS = "a number from 1 to 1000"


@pytest.mark.parametrize(
    ("target", "name", "allowed"),
    [
        ("/api/counter?count=0", "count", COUNTS),
        ("/api/counter?count=100001", "count", COUNTS),
        ("/api/counter?count=ten", "count", COUNTS),
        ("/api/counter?interval=-1", "interval", INTERVALS),
        ("/api/counter?interval=2m", "interval", INTERVALS),
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


# Other origins

CHANGES = [
    ("POST", "/api/notifications"),
    ("POST", "/api/notifications/cut"),
    ("POST", "/api/jobs"),
    ("DELETE", "/api/jobs/00000000-0000-0000-0000-000000000000"),
    ("PUT", "/api/upload"),
    ("POST", "/api/chat"),
    ("POST", "/api/type"),
    ("POST", "/v1/chat/completions"),
]


@pytest.mark.parametrize(("method", "target"), CHANGES)
async def test_pages_of_other_origins_change_nothing(
    server: Served, method: str, target: str
) -> None:
    for fields in ({"Origin": "https://example.org"}, {"Sec-Fetch-Site": "cross-site"}):
        assert (await ask(server, target, method, fields)).status == 403
    ours = {"Origin": "http://test", "Sec-Fetch-Site": "same-origin"}
    for fields in ({}, ours):
        assert (await ask(server, target, method, fields)).status != 403


async def test_pages_of_other_origins_read_nothing(server: Served) -> None:
    """The request is answered; but the browser keeps the answer from the page."""
    answer = await ask(server, "/api/notifications", "OPTIONS", {"Origin": "https://example.org"})
    assert answer.status == 204
    assert not [name for name, _ in answer.headers if name.startswith("access-control-")]
    answer = await ask(server, "/api/counter?count=1", fields={"Origin": "https://example.org"})
    assert answer.status == 200
    assert not [name for name, _ in answer.headers if name.startswith("access-control-")]


# As it is served


async def test_the_methods_of_each_endpoint(server: Served) -> None:
    answer = await ask(server, "*", "OPTIONS")
    assert answer.headers["allow"] == "DELETE, GET, HEAD, OPTIONS, POST, PUT"
