"""A response, as a handler makes it and as its client gets it."""

import asyncio
import json
from collections.abc import AsyncIterator
from io import BytesIO
from typing import Any, cast

import pytest

from streamserver.kit.request import Request
from streamserver.kit.response import Response, TextStream
from streamserver.server.answer import FileRegion
from support.inprocess import Serve, Served
from support.rawsocket import connect, raw
from support.requests import OLD, get
from support.waiting import wait_until

GET = get(b"/", b"Connection: close")


async def serving(serve: Serve, response: Any) -> Served:
    """A server that answers with this, made anew for each request if it is a function."""

    async def handler(request: Request) -> Response:
        answer = response() if callable(response) else response
        assert isinstance(answer, Response) or not callable(response)
        return answer  # type: ignore[no-any-return]  # what else it may be is for the engine to say

    return await serve(handler)


async def answer(serve: Serve, response: Any, sent: bytes = GET) -> tuple[bytes, bytes]:
    """Head and body of the answer."""
    server = await serving(serve, response)
    head, _, body = (await raw(server.port, sent)).partition(b"\r\n\r\n")
    return head, body


# --- making one -------------------------------------------------------------------------------


def test_a_response_of_nothing() -> None:
    response = Response()
    assert (response.body, response.status, response.headers.items()) == (b"", 200, [])


@pytest.mark.parametrize(
    ("response", "body", "content_type"),
    [
        (Response(b"bytes"), b"bytes", None),
        (Response("schön"), "schön".encode(), "text/plain; charset=utf-8"),
        (Response("<p>", headers={"Content-Type": "text/html"}), b"<p>", "text/html"),
        (Response.json({"a": [1, None]}), b'{"a":[1,null]}', "application/json"),
        (Response.json("schön"), '"schön"'.encode(), "application/json"),
        (Response.json({}, status=201, headers={"content-type": "a/b"}), b"{}", "a/b"),
    ],
)
def test_bodies_and_their_types(response: Response, body: bytes, content_type: str | None) -> None:
    assert response.body == body
    assert response.headers.get("content-type") == content_type


def test_json_with_a_status_and_headers() -> None:
    response = Response.json([], status=201, headers={"Location": "/7"})
    assert (response.status, response.headers["location"]) == (201, "/7")


@pytest.mark.parametrize(
    "value", [object(), {1, 2}, b"bytes", float("nan"), float("inf"), {"a": float("-inf")}]
)
def test_what_json_cannot_say_is_an_error(value: object) -> None:
    """RFC 8259, section 6: a NaN is no number, and no other reader would take it."""
    with pytest.raises((TypeError, ValueError)):
        Response.json(value)


@pytest.mark.parametrize("status", [-1, 0, 100, 101, 199, 1000])
def test_a_status_is_final(status: int) -> None:
    with pytest.raises(ValueError, match=f"200 to 999, not {status}"):
        Response(b"", status=status)


@pytest.mark.parametrize("body", [None, 7, ["a"], object()])
def test_what_is_no_body_is_refused_where_it_is_made(body: Any) -> None:
    with pytest.raises(TypeError):
        Response(body)


# --- as it arrives ----------------------------------------------------------------------------


async def pieces(*given: Any, wait: bool = True) -> AsyncIterator[Any]:
    for piece in given:
        if wait:
            await asyncio.sleep(0)
        yield piece


@pytest.mark.parametrize(
    ("given", "body"),
    [
        ((), b"0\r\n\r\n"),
        ((b"a", b"bc"), b"1\r\na\r\n2\r\nbc\r\n0\r\n\r\n"),
        (("é", b"\xff"), b"2\r\n\xc3\xa9\r\n1\r\n\xff\r\n0\r\n\r\n"),
        # An empty piece would end the body by accident.
        ((b"", b"a", "", b"b", b""), b"1\r\na\r\n1\r\nb\r\n0\r\n\r\n"),
    ],
)
@pytest.mark.parametrize("wait", [True, False])
async def test_each_piece_is_a_chunk(
    serve: Serve, given: tuple[str | bytes, ...], body: bytes, wait: bool
) -> None:
    head, received = await answer(serve, lambda: Response(pieces(*given, wait=wait)))
    assert b"\r\ntransfer-encoding: chunked" in head
    assert received == body


async def test_a_stream_for_http_1_0_ends_with_the_connection(serve: Serve) -> None:
    head, received = await answer(serve, lambda: Response(pieces(b"a", "b")), OLD)
    assert b"transfer-encoding" not in head
    assert b"content-length" not in head
    assert received == b"ab"


async def test_a_file(serve: Serve, tmp_path: Any) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")
    files = []

    def response() -> Response:
        files.append(path.open("rb"))
        return Response(FileRegion(files[-1], 2, 5))

    head, received = await answer(serve, response)
    assert b"\r\ncontent-length: 5\r\n" in head
    assert received == b"23456"
    await wait_until(lambda: files[0].closed)


async def test_an_open_file_is_sent_from_where_it_stands(serve: Serve, tmp_path: Any) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")
    files = []

    def response() -> Response:
        files.append(path.open("rb"))
        files[-1].seek(7)
        return Response(files[-1])

    head, received = await answer(serve, response)
    assert b"\r\ncontent-length: 3\r\n" in head
    assert received == b"789"
    await wait_until(lambda: files[0].closed)


@pytest.mark.parametrize(
    ("response", "status"),
    [
        (None, 500),
        (b"bytes", 500),
        (lambda: Response(cast(Any, BytesIO(b"x"))), 500),
        (lambda: Response(b"", headers={"X": "a\r\nb: c"}), 500),
        (lambda: Response(b"", headers={"X\r\nb": "c"}), 500),
        (lambda: Response(b"", headers={"X": "\u2603"}), 500),
        (lambda: Response(b"", headers={"Transfer-Encoding": "chunked"}), 500),
        (lambda: Response(b"a", headers={"Content-Length": "2"}), 500),
    ],
    ids=["None", "bytes", "not a file", "value", "name", "no Latin-1", "coding", "length"],
)
async def test_a_response_that_cannot_be_sent_is_a_500(
    serve: Serve, response: Any, status: int
) -> None:
    head, body = await answer(serve, response)
    assert head.startswith(b"HTTP/1.1 %d " % status)
    assert b"\r\nb: c" not in head
    assert json.loads(body)["detail"] == "the server failed to answer this request"


@pytest.mark.parametrize("given", [(b"abc", b"def"), (b"abcde", b"f"), (b"abcdef",)])
async def test_a_stream_longer_than_it_said_is_cut_where_it_said(
    serve: Serve, given: tuple[bytes, ...]
) -> None:
    """What goes beyond its length would be read as the next response."""

    def response() -> Response:
        return Response(pieces(*given), headers={"Content-Length": "5"})

    _, received = await answer(serve, response)
    assert len(received) <= 5 or b'"status": 500' in received


async def test_a_stream_shorter_than_it_said_is_cut(serve: Serve) -> None:
    def response() -> Response:
        return Response(pieces(b"abc"), headers={"Content-Length": "5"})

    server = await serving(serve, response)
    received = await raw(server.port, GET.replace(b"close", b"keep-alive"))
    assert received.endswith(b"\r\n\r\nabc")
    await wait_until(lambda: server.ended)
    assert server.ended[0].outcome == "truncated"


@pytest.mark.parametrize("failing", [ValueError("secret"), asyncio.CancelledError()])
async def test_a_stream_that_fails_is_cut_without_a_last_chunk(
    serve: Serve, failing: BaseException
) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"a"
        raise failing

    server = await serving(serve, lambda: Response(broken()))
    received = await raw(server.port, GET)
    assert received.endswith(b"1\r\na\r\n")
    async with connect(server.port) as client:
        await client.send(OLD)
        with pytest.raises(ConnectionResetError):
            await client.read_until()
        assert b"secret" not in client.received
    assert [exchange.outcome for exchange in server.ended] == ["truncated"] * 2


async def test_a_stream_that_fails_before_its_first_piece_is_a_500(serve: Serve) -> None:
    async def broken() -> AsyncIterator[bytes]:
        if True:
            raise ValueError("secret")
        yield b""

    head, body = await answer(serve, lambda: Response(broken()))
    assert head.startswith(b"HTTP/1.1 500 ")
    assert b"secret" not in body


@pytest.mark.parametrize("wait", [True, False])
async def test_head_and_first_piece_are_on_the_way_before_the_next_is_asked_for(
    serve: Serve, wait: bool
) -> None:
    asked = asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        if wait:
            await asyncio.sleep(0)
        yield b"first"
        await asked.wait()
        yield b"second"

    server = await serving(serve, lambda: Response(slow()))
    async with connect(server.port) as client:
        await client.send(GET)
        await client.read_until(b"5\r\nfirst\r\n")
        asked.set()
        await client.read_until(b"6\r\nsecond\r\n0\r\n\r\n")


async def test_the_head_of_a_silent_stream_is_sent_at_once(serve: Serve) -> None:
    spoken = asyncio.Event()

    async def silent() -> AsyncIterator[bytes]:
        await spoken.wait()
        yield b"word"

    server = await serving(serve, lambda: Response(silent()))
    async with connect(server.port) as client:
        await client.send(GET)
        assert (await client.read_until(b"\r\n\r\n")).endswith(b"\r\n\r\n")
        spoken.set()
        await client.read_until(b"word")


# --- text streams -----------------------------------------------------------------------------


async def test_text_keeps_its_characters_whole(serve: Serve) -> None:
    head, received = await answer(serve, lambda: TextStream(pieces("a", "é☃", "", "\U0001f40c")))
    assert b"\r\ncontent-type: text/plain; charset=utf-8\r\n" in head
    assert b"\r\ncache-control: no-cache, no-transform\r\n" in head
    assert b"\r\nx-accel-buffering: no\r\n" in head
    snowman, snail = "é☃".encode(), "\U0001f40c".encode()
    assert received == b"1\r\na\r\n5\r\n%b\r\n4\r\n%b\r\n0\r\n\r\n" % (snowman, snail)


def test_a_text_stream_leaves_what_the_handler_says() -> None:
    given = {"Content-Type": "text/csv", "Cache-Control": "no-store", "X-Accel-Buffering": "yes"}
    stream = TextStream(pieces(), status=201, headers=given)
    assert stream.status == 201
    assert dict(stream.headers) == {name.lower(): value for name, value in given.items()}


@pytest.mark.parametrize("piece", [b"bytes", None, 7, "\ud800"])
async def test_a_text_stream_takes_text_alone(serve: Serve, piece: object) -> None:
    """Of bytes nobody could promise that no character is cut."""
    _, received = await answer(serve, lambda: TextStream(pieces("a", piece, "b")))
    assert received == b"1\r\na\r\n"
