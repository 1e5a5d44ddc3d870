"""The official clients report a stream that fails as an API error."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any, NamedTuple

import pytest

from streamserver.server.exchange import Exchange
from support.beating import INTERVAL
from support.openai_client import Interface, client_of, reported_by, reported_by_node
from support.relaying import EVENTS_HEAD, chunk, ok
from support.stage import Stage, staged
from support.waiting import wait_until

FIRST = (
    b'data: {"id":"1","object":"chat.completion.chunk","created":1,"model":"m","choices":'
    b'[{"index":0,"delta":{"content":"Hel"},"finish_reason":null}]}\n'
)
CREATED = b'event: response.created\ndata: {"type":"response.created","response":{}}\n\n'
LIMIT = {"error": {"message": "Slow down", "type": "tokens", "code": "limit"}}
LIMITED = ok(json.dumps(LIMIT).encode(), b"Retry-After: 7").replace(b"200 OK", b"429 -")
BROKEN = {"type": "server_error", "code": 502}


class Case(NamedTuple):
    """What an upstream sends before it leaves, and what a client reports."""

    sent: bytes
    events: int
    message: str = "the upstream's response is broken"
    error: dict[str, object] = BROKEN
    interface: Interface = "chat"
    is_late: bool = False
    """Whether the client has got an early head before."""


CASES = {
    "a break": Case(EVENTS_HEAD + chunk(FIRST + b"\n"), 1),
    "a break before a blank line": Case(EVENTS_HEAD + chunk(FIRST), 1),
    "a break behind half a comment": Case(EVENTS_HEAD + chunk(FIRST + b"\n: hold"), 1),
    "a break before the first event": Case(EVENTS_HEAD, 0),
    "no answer": Case(b"", 0, is_late=True),
    "an error": Case(
        LIMITED, 0, "Slow down", LIMIT["error"] | {"status": 429, "retry_after": "7"}, is_late=True
    ),
    "a break of responses": Case(EVENTS_HEAD + chunk(CREATED), 1, interface="responses"),
    "no responses": Case(b"", 0, interface="responses", is_late=True),
}


@pytest.fixture
async def at() -> AsyncIterator[Stage]:
    """A relay with heartbeats, which these clients have to skip."""
    async with staged(on_break="event", heartbeat=INTERVAL) as stage:
        yield stage


async def play(at: Stage) -> None:
    """Play the upstream of each case, in order."""
    for case in CASES.values():
        peer = await at.upstream.asked(timeout=30.0)
        if case.is_late:
            await wait_until(partial(has_begun, at.begun[-1]))
        await peer.send(case.sent)
        peer.end()


def has_begun(exchange: Exchange) -> bool:
    """Whether the client has received a part of the body, such as a heartbeat."""
    return exchange.bytes_sent > 0


def check(expected: list[dict[str, Any]]) -> None:
    """The client reports the service's error in each case."""
    assert len(expected) == len(CASES)
    for (name, case), one in zip(CASES.items(), expected, strict=True):
        assert (one["events"], one["raised"]) == (case.events, "APIError"), (name, one)
        assert case.message in one["message"], name
        assert case.error.items() <= one["error"].items(), name


async def test_python(at: Stage) -> None:
    playing = asyncio.create_task(play(at))
    async with client_of(at.server.url) as client:
        check([await reported_by(client, case.interface) for case in CASES.values()])
    await playing


async def test_node(at: Stage, peer: Callable[[str], str]) -> None:
    playing = asyncio.create_task(play(at))
    interfaces = [case.interface for case in CASES.values()]
    check(await reported_by_node(peer("node"), at.server.url, interfaces))
    await playing
