"""An error response after an early head: an event with its status, Retry-After and body."""

import asyncio
import contextlib
import gzip
import json
import zlib
from collections.abc import Callable
from typing import Any

import pytest

from streamserver.proxy.failures import MAX_BODY
from streamserver.proxy.settings import Timeouts
from support.beating import ASK, INTERVAL, early, events, last_words
from support.hearing import drip
from support.rawserver import RawServer
from support.rawsocket import RawClient, connect, until_end
from support.relaying import EVENTS_HEAD, LAST_CHUNK, StartRelay, chunk
from support.requests import post
from support.stage import staged
from support.waiting import wait_until


def answer(status: int, body: bytes, *fields: bytes) -> bytes:
    """A whole response with a length."""
    lines = (b"HTTP/1.1 %d -" % status, b"Content-Length: %d" % len(body), *fields, b"", body)
    return b"\r\n".join(lines)


LIMIT = {"error": {"message": "Slow down", "code": "rate_limit_exceeded"}}
JSON = json.dumps(LIMIT).encode()
GZIP, DEFLATE = b"Content-Encoding: gzip", b"Content-Encoding: deflate"
AFTER = b"Retry-After: 7"

ANSWERS: dict[str, tuple[bytes, dict[str, Any]]] = {
    "text": (
        answer(429, b"busy", AFTER),
        {"status": 429, "title": "Too Many Requests", "retry_after": "7", "body": "busy"},
    ),
    "JSON": (answer(429, JSON), {"status": 429, "title": "Too Many Requests", "body": LIMIT}),
    "nothing": (answer(503, b"", AFTER), {"status": 503, "retry_after": "7"}),
    "chunks": (
        b"HTTP/1.1 500 -\r\nTransfer-Encoding: chunked\r\n\r\n" + 2 * chunk(b"oh") + LAST_CHUNK,
        {"status": 500, "body": "ohoh"},
    ),
    "events": (
        EVENTS_HEAD.replace(b"200", b"503") + chunk(b"data: a\n\n") + LAST_CHUNK,
        {"status": 503, "body": "data: a\n\n"},
    ),
    "no status that is known": (answer(599, b"oh"), {"status": 599, "title": "", "body": "oh"}),
    "gzip": (answer(400, gzip.compress(JSON), GZIP), {"status": 400, "body": LIMIT}),
    "deflate": (answer(400, zlib.compress(JSON), DEFLATE), {"status": 400, "body": LIMIT}),
    "none as a coding": (
        answer(400, b"a", b"Content-Encoding: none"),
        {"status": 400, "body": "a"},
    ),
    "another coding": (answer(400, b"\x0b", b"Content-Encoding: br"), {"status": 400}),
    "two codings": (answer(400, b"\x0b", GZIP, GZIP), {"status": 400}),
    "no gzip": (answer(400, b"busy", GZIP), {"status": 400}),
    "no JSON": (answer(400, b'{"a":'), {"status": 400, "body": '{"a":'}),
    "no JSON number": (answer(400, b"[NaN]"), {"status": 400, "body": "[NaN]"}),
    "no finite number": (answer(400, b"[1e999]"), {"status": 400, "body": "[1e999]"}),
    "half a character": (answer(400, b'"\\ud800"'), {"status": 400, "body": '"\\ud800"'}),
    "deep JSON": (answer(400, b"[" * 9000), {"status": 400, "body": "[" * 9000}),
    "no UTF-8": (answer(400, b"\xff\0\r\n\r\n"), {"status": 400, "body": "\ufffd\0\r\n\r\n"}),
}


@pytest.mark.parametrize("slowly", [False, True])
@pytest.mark.parametrize(("answer", "members"), ANSWERS.values(), ids=ANSWERS)
async def test_it_is_reported_as_what_it_is(
    relay: StartRelay, upstream: RawServer, answer: bytes, members: dict[str, Any], slowly: bool
) -> None:
    server = await relay(heartbeat=INTERVAL)
    async with connect(server.port) as client:
        peer = await early(server, upstream, client)
        head, _, rest = answer.partition(b"\r\n\r\n")
        await drip(peer, filter(None, [head + b"\r\n\r\n", rest] if slowly else [answer]))
        received = await client.read_until()
    event = last_words(received)
    assert members.items() <= event.items()
    assert event["detail"] == f"the upstream responded with {members['status']}"
    assert event.keys() - members.keys() <= {"title", "detail"}
    assert len(events(received)) == 1
    assert [exchange.outcome for exchange in server.ended] == ["truncated"]


BOMBS = {
    "as it is": (b"x" * 10 * MAX_BODY, b"X: y"),
    "compressed": (gzip.compress(b"x" * 1000 * MAX_BODY), GZIP),
}


@pytest.mark.parametrize(("body", "field"), BOMBS.values(), ids=BOMBS)
async def test_its_body_is_bounded(
    relay: StartRelay, upstream: RawServer, body: bytes, field: bytes
) -> None:
    """The relay does not wait for its end."""
    server = await relay(heartbeat=INTERVAL)
    async with connect(server.port) as client:
        peer = await early(server, upstream, client)
        await peer.send(answer(500, body, field)[:-1] + b"x" * (field == GZIP))
        event = last_words(await client.read_until())
    assert event["body"] == "x" * MAX_BODY


async def test_its_body_has_the_time_of_one_gap(relay: StartRelay, upstream: RawServer) -> None:
    """In any number of pieces: what has arrived by then is reported."""
    server = await relay(heartbeat=INTERVAL, timeouts=Timeouts(gap=6 * INTERVAL))
    async with connect(server.port) as client:
        peer = await early(server, upstream, client)
        await peer.send(answer(500, b"x" * 10_000)[:-10_000])

        async def trickle() -> None:
            with contextlib.suppress(ConnectionError):  # it is cut in the end
                while True:
                    await peer.send(b"x")
                    await asyncio.sleep(INTERVAL)

        trickling = asyncio.create_task(trickle())
        event = last_words(await client.read_until())
        trickling.cancel()
        await asyncio.wait([trickling])
    assert event["status"] == 500
    assert 0 < len(event["body"]) < 10_000
    assert set(event["body"]) == {"x"}


@pytest.mark.parametrize("leave", [RawClient.end, RawClient.reset], ids=["FIN", "RST"])
async def test_an_upstream_that_leaves_in_the_middle_of_it(
    leave: Callable[[RawClient], object],
) -> None:
    """The part that has arrived is reported."""
    async with staged(heartbeat=INTERVAL) as at:
        client = await at.client()
        peer = await early(at.server, at.upstream, client)
        await peer.send(answer(500, b"oh no")[:-3])
        await wait_until(lambda: "upstream_ms" in dict(at.begun[0].attributes))
        leave(peer)
        event = last_words(await client.read_until())
    assert (event["status"], event["detail"]) == (500, "the upstream responded with 500")
    assert event["body"] == "oh"


async def test_a_client_that_leaves_in_the_middle_of_it(
    relay: StartRelay, upstream: RawServer
) -> None:
    server = await relay(heartbeat=INTERVAL)
    async with connect(server.port) as client:
        peer = await early(server, upstream, client)
        await peer.send(answer(500, b"oh no")[:-3])
        client.reset()
        assert await until_end(peer) == b""
    assert [exchange.outcome for exchange in server.ended] == ["client_gone"]


async def test_its_connection_serves_the_next_request(
    relay: StartRelay, upstream: RawServer
) -> None:
    """It is complete, so the connection can be reused."""
    server = await relay(heartbeat=INTERVAL)
    async with connect(server.port) as client, connect(server.port) as other:
        peer = await early(server, upstream, client)
        await peer.send(answer(429, b"busy"))
        last_words(await client.read_until())
        await other.send(ASK)
        await peer.read_until(lambda got: got.count(b"\r\n\r\n") == 2)


SERVICES: dict[bytes, dict[str, Any]] = {
    b"/v1/chat/completions": {
        "error": {"message": "Slow down", "type": "rate_limit_error"}
        | {"code": "rate_limit_exceeded", "status": 429, "retry_after": "7"}
    },
    b"/v1/messages": {
        "type": "error",
        "error": {"type": "rate_limit_error", "message": "Slow down"}
        | {"code": "rate_limit_exceeded", "status": 429, "retry_after": "7"},
    },
}


@pytest.mark.parametrize(("target", "expected"), SERVICES.items(), ids=["chat", "messages"])
async def test_it_has_the_form_of_its_service(
    relay: StartRelay, upstream: RawServer, target: bytes, expected: dict[str, Any]
) -> None:
    """By the target, since no event has arrived."""
    server = await relay(heartbeat=INTERVAL)
    asked = post(b"{}", fields=[b"Accept: text/event-stream"], target=target)
    async with connect(server.port) as client:
        peer = await early(server, upstream, client, asked)
        await peer.send(answer(429, JSON, AFTER))
        [event] = events(await client.read_until())
    assert json.loads(event.data) == expected
