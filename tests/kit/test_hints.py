"""Errors for a wrong handler, response, body or piece: they name what is allowed.

The client receives a 500 without the reason; the error itself is logged.
"""

from array import array
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from streamserver import (
    Event,
    EventStream,
    Request,
    Response,
    Router,
    StreamController,
    TextStream,
    cors,
)
from streamserver.kit.guards import same_origin
from streamserver.kit.service import Handler, service
from support.answers import chunks, detail
from support.inprocess import Serve
from support.producers import pulled
from support.rawsocket import raw
from support.requests import GET, get
from support.waiting import wait_until

CLOSING = get(b"/", b"Connection: close")


async def error_of(serve: Serve, handler: Handler) -> str:
    """What is logged where this handler's answer cannot be sent, which is a 500."""
    server = await serve(handler)
    received = await raw(server.port, CLOSING)
    assert received.startswith(b"HTTP/1.1 500 ")
    assert detail(received) == "the server failed to answer this request"
    await wait_until(lambda: server.ended)
    return str(server.ended[0].error)


def answering(make: Callable[[], Any]) -> Handler:
    async def handler(request: Request) -> Response:
        made = make()
        return made  # type: ignore[no-any-return]  # wrong types are the subject

    return handler


# Pieces


class Text(str):
    """A text of a class of its own."""


class Octets(bytes):
    """Bytes of a class of their own."""


WIDE = array("i", [1, 2])
PIECES: list[tuple[object, bytes]] = [
    ("é", "é".encode()),
    (Text("a"), b"a"),
    (Octets(b"a"), b"a"),
    (bytearray(b"a"), b"a"),
    (memoryview(b"ab")[::-1], b"ba"),
    # Its length is 2, which as a size of its 8 bytes would let the rest pass for a response.
    (memoryview(WIDE), WIDE.tobytes()),
]


@pytest.mark.parametrize(("piece", "sent"), PIECES)
@pytest.mark.parametrize("push", [True, False])
async def test_a_piece_is_sent_in_a_chunk_of_its_size(
    serve: Serve, piece: object, sent: bytes, push: bool
) -> None:
    server = await serve(answering(lambda: Response(body_of(piece, push))))
    assert chunks(await raw(server.port, CLOSING)) == [sent]


def body_of(piece: object, push: bool) -> Any:
    if not push:
        return pulled(piece)
    stream = StreamController()
    stream.enqueue(piece)
    stream.close()
    return stream


@pytest.mark.parametrize(
    ("piece", "named"),
    [
        (7, "int"),
        (1.5, "float"),
        (True, "bool"),
        (None, "None"),
        ({"a": 1}, "dict: encode it first, or send it with an EventStream"),
        ({}, "dict: encode it first, or send it with an EventStream"),
        ([b"a"], "list: encode it first, or yield its members one by one"),
        ([], "list: encode it first, or yield its members one by one"),
        ((1, 2), "tuple"),
        (WIDE, "array"),
        (Event("a"), "Event: an EventStream sends events"),
    ],
    ids=str,
)
@pytest.mark.parametrize("length", [True, False])
@pytest.mark.parametrize("push", [True, False])
async def test_what_is_no_piece_is_named(
    serve: Serve, piece: object, named: str, length: bool, push: bool
) -> None:
    """Also where a length is announced, for which ``bytes([1, 2])`` would be two bytes."""
    headers = {"Content-Length": "2"} if length else {}
    handler = answering(lambda: Response(body_of(piece, push), headers=headers))
    assert await error_of(serve, handler) == f"a piece of a body is bytes or str, not {named}"


async def test_a_wrong_piece_after_a_right_one_cuts_the_stream(serve: Serve) -> None:
    server = await serve(answering(lambda: Response(pulled("a", 7, "b"))))
    assert (await raw(server.port, CLOSING)).endswith(b"\r\n\r\n1\r\na\r\n")
    await wait_until(lambda: server.ended)
    assert str(server.ended[0].error) == "a piece of a body is bytes or str, not int"


# Bodies


async def coroutine() -> bytes:
    return b""


def generator() -> Iterator[bytes]:
    yield b""


BODY = (
    "a body is bytes, str, an async iterable of either, a StreamController or an open binary"
    " file, not "
)
JSON = ": Response.json(value) sends a value as JSON"
EVENTS = "an EventStream is made of an async iterable or a StreamController, not "
TEXTS = "a TextStream is made of an async iterable of str or a StreamController, not "


@pytest.mark.parametrize(
    ("kind", "make", "error"),
    [
        (Response, lambda: None, BODY + "None: an empty body is b''"),
        (Response, lambda: 7, BODY + "int" + JSON),
        (Response, lambda: {"a": 1}, BODY + "dict" + JSON),
        (Response, lambda: ["a"], BODY + "list" + JSON),
        (Response, generator, BODY + "generator: define its function with async def"),
        (Response, lambda: iter([]), BODY + "list_iterator: define its function with async def"),
        (Response, coroutine, BODY + "coroutine: it must be awaited"),
        (Response, lambda: pulled, BODY + "function: call it, pulled()"),
        (Response, object, BODY + "object"),
        (Response, lambda: Router, BODY + "the class Router"),
        (Response, BytesIO, "a body that is a file must be a file on disk, which this BytesIO is "),
        (EventStream, lambda: "a", EVENTS + "str"),
        (EventStream, lambda: [Event("a")], EVENTS + "list"),
        (EventStream, lambda: pulled, EVENTS + "function: call it, pulled()"),
        (TextStream, lambda: b"a", TEXTS + "bytes"),
        (TextStream, lambda: iter("a"), TEXTS + "str_ascii_iterator"),
    ],
)
def test_what_is_no_body_is_named(
    kind: Callable[[Any], Response], make: Callable[[], object], error: str
) -> None:
    with pytest.raises(TypeError) as refused:
        kind(make())
    assert str(refused.value).startswith(error)


def test_a_file_is_binary(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("a")
    with path.open() as file, pytest.raises(TypeError, match=r'open\(path, "rb"\)'):
        Response(file)  # type: ignore[arg-type]  # the subject


def test_bytes_that_may_change_are_copied() -> None:
    given: Any = bytearray(b"ab")
    response = Response(given)
    given[:] = b"cd"
    assert response.body == b"ab"


# Responses and handlers


@pytest.mark.parametrize("wrap", [lambda handler: handler, partial(cors, origins="*")])
@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda: "text", "str: wrap it in Response(...)"),
        (lambda: b"bytes", "bytes: wrap it in Response(...)"),
        (lambda: None, "None: does every path end with a return statement?"),
        (lambda: {"a": 1}, "dict" + JSON),
        (lambda: (b"", 404), "tuple" + JSON),
        (lambda: pulled("a"), "async_generator: wrap it in Response(...), TextStream(...) or "),
        (lambda: coroutine(), "coroutine: it must be awaited"),
        (lambda: Response, "the class Response"),
    ],
)
async def test_what_is_no_response_is_named(
    serve: Serve,
    caplog: pytest.LogCaptureFixture,
    wrap: Callable[[Handler], Handler],
    make: Callable[[], object],
    named: str,
) -> None:
    await error_of(serve, wrap(answering(make)))
    assert f"a handler returns a Response, not {named}" in caplog.text


def plain(request: Request) -> Response:
    return Response(b"plain")


def awaitable(request: Request) -> Awaitable[Response]:
    return answering(lambda: Response(b"awaited"))(request)


def routed(handler: Any) -> Handler:
    app = Router()
    app.get("/", max_body=1)(handler)
    return app


def mounted(handler: Any) -> Handler:
    app = Router()
    app.mount("/", handler)
    return app


WRAPPED: list[Callable[[Any], Handler]] = [
    lambda handler: handler,
    routed,
    mounted,
    same_origin,
    lambda handler: cors(handler, origins="*"),
]


@pytest.mark.parametrize("wrap", WRAPPED)
async def test_a_handler_that_is_not_async_is_named(
    serve: Serve, caplog: pytest.LogCaptureFixture, wrap: Callable[[Any], Handler]
) -> None:
    await error_of(serve, wrap(plain))
    problem = "plain returned Response: define it with async def"
    assert f"a handler is an async function, but {problem}" in caplog.text
    server = await serve(wrap(awaitable))
    assert b"awaited" in await raw(server.port, GET, until=b"awaited")


async def ticks(request: Request) -> AsyncIterator[bytes]:
    yield b""


async def no_argument() -> None: ...


@pytest.mark.parametrize("wrap", [service, *WRAPPED[1:]])
@pytest.mark.parametrize(
    ("handler", "error"),
    [
        (ticks, "a handler returns a Response, but ticks is a generator function"),
        (no_argument, "the request, but no_argument does not: too many positional arguments"),
        (Router, "an async function or a Router, not the class Router: call it, Router()"),
        (Response(b""), "an async function or a Router, not Response"),
        (None, "an async function or a Router, not None"),
    ],
)
def test_what_is_no_handler_is_refused_where_it_is_given(
    wrap: Callable[[Any], object], handler: object, error: str
) -> None:
    with pytest.raises(TypeError) as refused:
        wrap(handler)
    assert error in str(refused.value)


def test_a_route_gives_its_handler_back() -> None:
    assert Router().get("/")(plain) is plain  # type: ignore[type-var]  # it is not async
