"""Which responses are encoded, and what a client, a cache and a handler see of it."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from streamserver.kit.compress import MINIMUM_SIZE, compress
from streamserver.kit.cors import cors
from streamserver.kit.events import EventStream
from streamserver.kit.request import Request
from streamserver.kit.response import Response, TextStream
from streamserver.kit.router import Router
from streamserver.kit.stream import StreamController
from streamserver.wire.content_coding import CODINGS, Coding
from streamserver.wire.problem import HTTPError
from support.asking import ask
from support.compressed import GZIP, TEXT, answered, decoded
from support.handlers import answering
from support.inprocess import Serve
from support.producers import pulled
from support.rawsocket import raw
from support.requests import OLD

JSON = {"content-type": "application/json"}


# What is encoded


@pytest.mark.parametrize(
    "content_type",
    [
        *("text/plain", "text/html; charset=utf-8", "TEXT/CSV", "text/event-stream"),
        *("application/json", "application/problem+json", "application/x-ndjson"),
        *("application/xml", "application/atom+xml", "image/svg+xml", "application/javascript"),
        *("application/wasm", "font/ttf", "image/x-icon"),
    ],
)
async def test_types_that_shrink(serve: Serve, content_type: str) -> None:
    headers = {"content-type": content_type}
    answer = await answered(serve, Response(TEXT.encode(), headers=headers))
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.headers["content-length"] == str(len(answer.body))
    assert len(answer.body) < len(TEXT) / 5
    assert decoded(answer) == TEXT.encode()


@pytest.mark.parametrize(
    "content_type",
    [
        *("image/png", "video/mp4", "application/zip", "application/octet-stream", "font/woff2"),
        *("application/grpc", "multipart/form-data", "", "text"),
    ],
)
async def test_other_types(serve: Serve, content_type: str) -> None:
    headers = {"content-type": content_type} if content_type else {}
    answer = await answered(serve, Response(TEXT.encode(), headers=headers))
    assert answer.body == TEXT.encode()
    assert not {"content-encoding", "vary"} & set(dict(answer.headers))


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"content-encoding": "br"}, id="encoded already"),
        pytest.param({"content-encoding": "gzip"}, id="encoded in the same coding"),
        pytest.param({"cache-control": "no-transform"}, id="no-transform"),
        pytest.param({"cache-control": "max-age=1, NO-Transform"}, id="no-transform in a list"),
        pytest.param({"content-digest": "sha-256=:AAAA:"}, id="a digest"),
        pytest.param({"trailer": "X-Time, Repr-Digest"}, id="a digest in the trailers"),
    ],
)
async def test_bytes_that_must_stay(serve: Serve, headers: dict[str, str]) -> None:
    answer = await answered(serve, Response(TEXT.encode(), headers=JSON | headers))
    assert answer.body == TEXT.encode()
    assert answer.headers.get("content-encoding") == headers.get("content-encoding")
    assert "vary" not in answer.headers


@pytest.mark.parametrize("status", [200, 201, 404, 500])
async def test_every_status_with_content(serve: Serve, status: int) -> None:
    answer = await answered(serve, Response(TEXT, status=status))
    assert (answer.status, decoded(answer)) == (status, TEXT.encode())
    assert answer.headers["content-encoding"] == "gzip"


@pytest.mark.parametrize("status", [204, 205])
async def test_a_status_without_content(serve: Serve, status: int) -> None:
    answer = await answered(serve, Response(TEXT, status=status))
    assert not {"content-encoding", "vary"} & set(dict(answer.headers))


@pytest.mark.parametrize(("status", "headers"), [(206, {}), (200, {"content-range": "bytes 0-9/"})])
async def test_a_range_stays(serve: Serve, status: int, headers: dict[str, str]) -> None:
    """It has the Vary field that the whole would have (RFC 9110, section 15.3.7)."""
    answer = await answered(serve, Response("ten bytes.", status=status, headers=headers))
    assert answer.body == b"ten bytes."
    assert "content-encoding" not in answer.headers
    assert answer.headers["vary"] == "Accept-Encoding"


async def test_a_body_below_the_minimum_stays(serve: Serve) -> None:
    small, enough = "x" * (MINIMUM_SIZE - 1), "x" * MINIMUM_SIZE
    assert "content-encoding" not in (await answered(serve, Response(small))).headers
    assert "content-encoding" in (await answered(serve, Response(enough))).headers
    assert "content-encoding" in (await answered(serve, Response("x" * 40), minimum_size=0)).headers


async def test_a_body_that_does_not_shrink_stays(serve: Serve) -> None:
    answer = await answered(serve, Response("short"), minimum_size=0)
    assert answer.body == b"short"
    assert dict(answer.headers)["vary"] == "Accept-Encoding"


async def test_a_stream_of_any_length(serve: Serve) -> None:
    """Also with a Content-Length, which is that of the plain content."""
    headers = {"content-length": "600"}
    pieces = pulled("x" * 300, "y" * 300)
    answer = await answered(serve, TextStream(pieces, headers=headers))
    assert "content-length" not in answer.headers
    assert decoded(answer) == b"x" * 300 + b"y" * 300
    short = await answered(serve, TextStream(pulled("x"), headers={"content-length": "1"}))
    assert short.body == b"x"


@pytest.mark.parametrize("field", ["", "identity", "br", "gzip;q=0", "identity;q=0"])
async def test_a_client_that_accepts_no_coding(serve: Serve, field: str) -> None:
    answer = await answered(serve, Response(TEXT), {"Accept-Encoding": field})
    assert (answer.status, answer.body) == (200, TEXT.encode())
    assert answer.headers["vary"] == "Accept-Encoding"


@pytest.mark.parametrize("coding", CODINGS)
async def test_the_best_of_the_client(serve: Serve, coding: Coding) -> None:
    answer = await answered(serve, Response(TEXT), {"Accept-Encoding": f"*;q=0.1, {coding}"})
    assert answer.headers["content-encoding"] == coding
    assert decoded(answer) == TEXT.encode()


async def test_http_1_0_is_answered_without_a_coding(serve: Serve) -> None:
    server = await serve(compress(answering(lambda: EventStream(pulled("x")))))
    received = await raw(
        server.port, OLD.replace(b"\r\n\r\n", b"\r\nAccept-Encoding: gzip\r\n\r\n")
    )
    assert received.endswith(b"\r\n\r\ndata: x\n\n")
    assert b"vary: Accept-Encoding\r\n" in received


# no-transform: of a stream it is a default, for the proxies on the way


@pytest.mark.parametrize("make", [EventStream, TextStream])
async def test_the_default_of_a_stream_is_for_others(serve: Serve, make: Any) -> None:
    answer = await answered(serve, make(pulled("x")))
    assert answer.headers["cache-control"] == "no-cache, no-transform"
    assert answer.headers["content-encoding"] == "gzip"


@pytest.mark.parametrize("make", [EventStream, TextStream])
async def test_the_same_text_set_by_the_handler_counts(serve: Serve, make: Any) -> None:
    headers = {"cache-control": ", ".join(("no-cache", "no-transform"))}
    answer = await answered(serve, make(pulled("x"), headers=headers))
    assert "content-encoding" not in answer.headers


# HEAD, and a response that serves many requests


@pytest.mark.parametrize("fields", [GZIP, {"Accept-Encoding": "zstd"}, {}])
async def test_head_has_the_fields_of_get(serve: Serve, fields: dict[str, str]) -> None:
    app = Router()
    bodies: dict[str, Any] = {
        "/small": lambda: Response("x"),
        "/text": lambda: Response(TEXT, headers={"etag": '"a"'}),
        "/stream": lambda: EventStream(pulled("x"), headers={"etag": '"a"'}),
        "/long": lambda: TextStream(pulled(TEXT), headers={"content-length": str(len(TEXT))}),
        "/pushed": lambda: TextStream(closed()),
        "/png": lambda: Response(TEXT.encode(), headers={"content-type": "image/png"}),
    }
    for path, make in bodies.items():
        app.get(path)(answering(make))
    server = await serve(compress(app))
    for path in bodies:
        get, head = [await ask(server, path, method, fields) for method in ("GET", "HEAD")]
        expected = dict(get.headers)
        expected.pop("transfer-encoding", None)
        expected.pop("date")
        found = dict(head.headers)
        found.pop("date")
        assert found == expected, path
        assert head.body == b""


def closed() -> StreamController:
    stream = StreamController()
    stream.enqueue("x")
    stream.close()
    return stream


async def test_a_handler_of_head_that_declares_a_length(serve: Serve) -> None:
    """It is the length of the plain content, so it is left out."""
    server = await serve(
        compress(answering(lambda: Response(headers=JSON | {"content-length": "5000"})))
    )
    head = await ask(server, "/", "HEAD", GZIP)
    assert head.headers["content-encoding"] == "gzip"
    assert "content-length" not in head.headers
    plain = await ask(server, "/", "HEAD")
    assert plain.headers["content-length"] == "5000"


async def test_one_response_for_many_requests(serve: Serve) -> None:
    response = Response(TEXT, headers={"etag": '"a"'})
    server = await serve(compress(answering(lambda: response)))
    for fields in (GZIP, {}, {"Accept-Encoding": "zstd"}, GZIP):
        answer = await ask(server, "/", fields=fields)
        assert decoded(answer) == TEXT.encode()
        assert answer.headers.get("content-encoding") == fields.get("Accept-Encoding")
    assert dict(response.headers) == {"etag": '"a"', "content-type": "text/plain; charset=utf-8"}


# Around other handlers


async def test_cors_inside_and_outside(serve: Serve) -> None:
    async def handler(request: Request) -> Response:
        return EventStream(pulled("x"))

    origin = {"Origin": "https://example.org"}
    for wrapped in (
        compress(cors(handler, origins=origin.values())),
        cors(compress(handler), origins=origin.values()),
    ):
        answer = await ask(await serve(wrapped), "/", fields=GZIP | origin)
        assert decoded(answer) == b"data: x\n\n"
        assert answer.headers["access-control-allow-origin"] == "https://example.org"
        assert set(answer.headers["vary"].split(", ")) == {"Origin", "Accept-Encoding"}


async def test_nothing_is_encoded_twice(serve: Serve) -> None:
    server = await serve(compress(compress(answering(lambda: EventStream(pulled("x"))))))
    answer = await ask(server, "/", fields=GZIP)
    assert answer.headers.get_all("content-encoding") == ["gzip"]
    assert decoded(answer) == b"data: x\n\n"


async def test_a_router_is_closed_through_it(serve: Serve) -> None:
    closed = []

    async def on_stop() -> None:
        closed.append(True)

    app = Router()
    app.on_stop.append(on_stop)
    server = await serve(compress(app))
    await server.stop()
    assert closed


async def test_errors_pass_through(serve: Serve) -> None:
    async def refused(request: Request) -> Response:
        raise HTTPError(409, "no " + TEXT)

    answer = await ask(await serve(compress(refused)), "/", fields=GZIP)
    assert answer.status == 409
    assert "content-encoding" not in answer.headers


async def test_a_handler_that_fails_in_the_middle_cuts_the_stream(serve: Serve) -> None:
    async def broken() -> AsyncIterator[str]:
        yield "one"
        raise HTTPError(500, "too late")

    server = await serve(compress(answering(lambda: TextStream(broken()))))
    received = await raw(server.port, b"GET / HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n")
    assert b"content-encoding: gzip" in received
    assert not received.endswith(b"0\r\n\r\n")


async def test_what_is_no_response_is_named(serve: Serve) -> None:
    async def wrong(request: Request) -> Any:
        return "text"

    assert (await ask(await serve(compress(wrong)), "/")).status == 500


def test_a_wrong_minimum_is_refused() -> None:
    with pytest.raises(ValueError, match="bytes, 0 or more, not -1"):
        compress(Router(), minimum_size=-1)
    with pytest.raises(TypeError, match="a handler is an async function or a Router"):
        compress(Router)  # type: ignore[arg-type]  # the class by mistake
