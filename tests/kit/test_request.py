"""A request, as a handler receives it."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from streamserver.kit.request import Request
from streamserver.kit.response import Response
from streamserver.wire.forwarded import Client
from support.inprocess import Serve, Served
from support.rawsocket import connect, raw
from support.requests import get, post

# --- the head ---------------------------------------------------------------------------------


@pytest.fixture
async def ask(serve: Serve) -> Callable[..., Any]:
    """Sends a request, and returns what this makes of it there, in the handler."""

    async def send(look: Callable[[Request], object], sent: bytes) -> object:
        seen: list[object] = []

        async def handler(request: Request) -> Response:
            value = look(request)
            seen.append(await value if asyncio.iscoroutine(value) else value)
            return Response(b"seen")

        server = await serve(handler)
        received = await raw(server.port, sent, until=lambda got: b"seen" in got or b"}\n" in got)
        return seen[0] if seen else json.loads(received.rpartition(b"\r\n\r\n")[2])

    return send


@pytest.mark.parametrize(
    ("target", "path", "value"),
    [
        (b"/", "/", None),
        (b"/a/b?q=1", "/a/b", "1"),
        (b"/a%20b%2Fc?q=%26", "/a b/c", "&"),
        (b"/%E2%98%83?q", "/☃", ""),
        (b"/%ff", "/\ufffd", None),
        (b"/a+b?q=a+b", "/a+b", "a b"),
        (b"/%3Fq=1?q=2?3", "/?q=1", "2?3"),
        (b"http://b/c?q=1", "/c", "1"),
        (b"http://b?q=1", "/", "1"),
        (b"//a/..", "//a/..", None),
    ],
)
async def test_a_target_is_a_path_and_a_query(
    ask: Callable[..., Any], target: bytes, path: str, value: str | None
) -> None:
    def look(request: Request) -> object:
        return request.path, request.query.get("q")

    assert await ask(look, get(target)) == (path, value)


async def test_the_request_line_and_the_fields(ask: Callable[..., Any]) -> None:
    def look(request: Request) -> object:
        headers = request.headers
        assert headers["X-One"] == headers["x-one"] == "1"
        assert headers.get_all("X-Two") == ["a", "b, c"]
        assert request.params == {}
        assert not request.draining
        address, port = request.exchange.connection.transport.get_extra_info("peername")
        assert request.client == Client(address, port, "http", headers.get("host") or "")
        assert request.id == ""
        return request.method, request.target, request.version

    sent = get(b"/a%20b?c", b"X-One: 1", b"X-Two: a", b"x-two: b, c")
    assert await ask(look, sent) == ("GET", "/a%20b?c", "1.1")
    sent = b"PURGE /x HTTP/1.0\r\nX-One: 1\r\nX-Two: a\r\nX-Two: b, c\r\n\r\n"
    assert await ask(look, sent) == ("PURGE", "/x", "1.0")


@pytest.mark.parametrize(("count", "fits"), [(1000, True), (1001, False)])
async def test_a_query_has_at_most_a_thousand_parameters(
    ask: Callable[..., Any], count: int, fits: bool
) -> None:
    seen = await ask(
        lambda request: len(request.query.items()), get(b"/?" + b"a&" * (count - 1) + b"a")
    )
    if fits:
        assert seen == count
    else:
        assert (seen["status"], seen["detail"]) == (400, "the query has more than 1000 parameters")


@pytest.mark.parametrize(
    ("fields", "last_event_id"),
    [
        ([], None),
        ([b"Last-Event-ID: 7"], "7"),
        ([b"last-event-id:"], ""),
        ([b"Last-Event-ID: \xe2\x98\x83"], "☃"),
        ([b"Last-Event-ID: \xff"], "\ufffd"),
    ],
)
async def test_where_an_event_source_left_off(
    ask: Callable[..., Any], fields: list[bytes], last_event_id: str | None
) -> None:
    """WHATWG HTML, section 9.2.4: an id is sent back in UTF-8."""
    assert await ask(lambda request: request.last_event_id, get(b"/", *fields)) == last_event_id


# --- the body ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b"{}", {}),
        (b' {"a": [1, 2.5, null, true, "\\u2603"]}\n', {"a": [1, 2.5, None, True, "☃"]}),
        ('"é"'.encode(), "é"),
        (b"7", 7),
    ],
)
async def test_a_body_of_json(ask: Callable[..., Any], body: bytes, value: object) -> None:
    assert await ask(Request.json, post(body)) == value


@pytest.mark.parametrize(
    "body",
    [b"", b" ", b"{", b"{'a': 1}", b"\xff", b"1 2", b"[" * 100_000, b"1" * 5000],
    ids=["nothing", "space", "half", "quotes", "no UTF-8", "two", "deep", "long"],
)
async def test_a_body_that_is_no_json(ask: Callable[..., Any], body: bytes) -> None:
    problem = await ask(Request.json, post(body))
    assert problem["status"] == 400
    assert problem["detail"].startswith("the body is not JSON: ")


async def test_a_body_of_text(ask: Callable[..., Any]) -> None:
    assert await ask(Request.text, post("schön ☃".encode())) == "schön ☃"
    assert await ask(Request.text, post(b"")) == ""
    problem = await ask(Request.text, post(b"\xff"))
    assert (problem["status"], problem["detail"][:24]) == (400, "the body is not UTF-8: '")


@pytest.mark.parametrize("sent", [post(b""), get(b"/")])
async def test_a_body_of_nothing(ask: Callable[..., Any], sent: bytes) -> None:
    assert await ask(Request.body, sent) == b""
    assert await ask(_parts, sent) == []


async def test_a_body_in_parts(ask: Callable[..., Any]) -> None:
    assert b"".join(await ask(_parts, post(b"hello"))) == b"hello"


async def _parts(request: Request) -> list[bytes]:
    return [part async for part in request]


async def test_the_limit_of_a_body_that_is_not_there(ask: Callable[..., Any]) -> None:
    def look(request: Request) -> object:
        before = request.max_body
        request.max_body = 5
        return before, request.max_body

    assert await ask(look, get(b"/")) == (1024 * 1024, 1024 * 1024)
    assert await ask(look, post(b"a")) == (1024 * 1024, 5)


async def test_a_handler_can_tell_that_the_server_stops(serve: Serve) -> None:
    reached = asyncio.Event()
    seen: list[bool] = []
    server: Served

    async def handler(request: Request) -> Response:
        seen.append(request.draining)
        reached.set()
        while not request.draining:
            await asyncio.sleep(0.005)
        seen.append(request.draining)
        return Response(b"the end")

    server = await serve(handler)
    async with connect(server.port) as client:
        await client.send(get(b"/"))
        await reached.wait()
        await server.stop(grace=5)
        assert (await client.read_until()).endswith(b"the end")
    assert seen == [False, True]


async def test_an_async_iterator_is_what_a_request_is(ask: Callable[..., Any]) -> None:
    assert await ask(lambda request: isinstance(aiter(request), AsyncIterator), post(b"a"))
