"""Who may read an answer, as browsers understand it (Fetch standard, section 3.2)."""

import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from streamserver.kit.cors import cors
from streamserver.kit.files import FileResponse
from streamserver.kit.request import Request
from streamserver.kit.response import Response
from streamserver.kit.router import Router
from streamserver.server.phase import Outcome
from streamserver.wire.problem import HTTPError
from support.asking import Answered, ask
from support.inprocess import Serve, Served
from support.rawsocket import connect, raw
from support.waiting import wait_until

OURS = "https://example.org"
ALSO_OURS = "http://localhost:5173"
THEIRS = "https://example.net"
POLICY: dict[str, Any] = {
    "origins": [OURS, ALSO_OURS],
    "methods": ["GET", "PUT"],
    "headers": ["Content-Type", "Last-Event-ID"],
    "expose": ["ETag", "X-Count"],
}


def make_app(tmp_path: Path) -> Router:
    app = Router()
    (tmp_path / "there.txt").write_bytes(b"0123456789")

    @app.get("/files/{name}")
    async def file(request: Request) -> Response:
        return FileResponse(request.params["name"], root=tmp_path)

    @app.route("/ok", ["GET", "PUT"])
    async def ok(request: Request) -> Response:
        return Response("ok", headers={"Vary": "Accept"})

    @app.get("/refused")
    async def refused(request: Request) -> Response:
        raise HTTPError(409, "no", headers={"Retry-After": "1", "VARY": "Cookie"})

    @app.get("/broken")
    async def broken(request: Request) -> Response:
        raise LookupError("a secret")

    @app.get("/stream/{kind}")
    async def stream(request: Request) -> Response:
        return Response(pieces(request.params["kind"]))

    @app.post("/body", max_body=3)
    async def body(request: Request) -> Response:
        return Response(await request.body())

    return app


async def pieces(kind: str) -> AsyncIterator[str]:
    if kind == "refused":
        raise HTTPError(404, "nothing")
    if kind == "broken":
        raise LookupError("a secret")
    yield "one"
    if kind == "cut":
        raise LookupError("a secret")
    yield "two"


@pytest.fixture
async def server(serve: Serve, tmp_path: Path) -> Served:
    return await serve(cors(make_app(tmp_path), **POLICY))


def of_cors(answer: Answered) -> dict[str, str]:
    """The fields of the protocol, without their common beginning."""
    begin = "access-control-"
    fields = answer.headers.items()
    return {name.removeprefix(begin): value for name, value in fields if name.startswith(begin)}


READABLE = {"allow-origin": OURS, "expose-headers": "ETag, X-Count"}


@pytest.mark.parametrize(
    ("target", "status", "vary"),
    [
        ("/ok", 200, "Accept, Origin"),
        ("/stream/ok", 200, "Origin"),
        ("/files/there.txt", 200, "Origin"),
        ("/none", 404, "Origin"),
        ("/refused", 409, "Cookie, Origin"),
        ("/files/none.txt", 404, "Origin"),
        ("/stream/refused", 404, "Origin"),
        ("/broken", 500, "Origin"),
        ("/stream/broken", 500, "Origin"),
    ],
)
async def test_an_answer_for_a_page_of_ours(
    server: Served, target: str, status: int, vary: str
) -> None:
    answer = await ask(server, target, fields={"Origin": OURS})
    assert (answer.status, of_cors(answer)) == (status, READABLE)
    assert answer.headers["vary"] == vary
    assert b"secret" not in answer.body


@pytest.mark.parametrize(
    ("fields", "status"), [({"Range": "bytes=20-"}, 416), ({"If-Match": '"x"'}, 412)]
)
async def test_a_file_that_cannot_be_had_so(
    server: Served, fields: dict[str, str], status: int
) -> None:
    answer = await ask(server, "/files/there.txt", fields={"Origin": OURS, **fields})
    assert (answer.status, of_cors(answer)) == (status, READABLE)


async def test_a_method_that_is_not_allowed_keeps_its_allow(server: Served) -> None:
    answer = await ask(server, "/ok", "DELETE", {"Origin": OURS})
    assert (answer.status, of_cors(answer)) == (405, READABLE)
    assert answer.headers["allow"] == "GET, HEAD, OPTIONS, PUT"


async def test_a_body_that_is_too_large_is_still_rejected(server: Served) -> None:
    head = f"POST /body HTTP/1.1\r\nHost: a\r\nOrigin: {OURS}\r\nContent-Length: 4\r\n\r\n"
    received = await raw(server.port, head.encode())
    assert received.startswith(b"HTTP/1.1 413 ")
    assert f"access-control-allow-origin: {OURS}\r\n".encode() in received
    assert server.ended[0].outcome is Outcome.REJECTED


@pytest.mark.parametrize("fields", [{}, {"Origin": THEIRS}, {"Origin": "null"}])
@pytest.mark.parametrize("target", ["/ok", "/refused", "/none", "/broken"])
async def test_an_answer_for_anybody_else(
    server: Served, fields: dict[str, str], target: str
) -> None:
    answer = await ask(server, target, fields=fields)
    assert of_cors(answer) == {}
    assert "Origin" in answer.headers["vary"]


@pytest.mark.parametrize("target", ["/broken", "/stream/broken"])
@pytest.mark.parametrize("fields", [{}, {"Origin": OURS}])
async def test_a_traceback_is_logged_once(
    server: Served, caplog: pytest.LogCaptureFixture, target: str, fields: dict[str, str]
) -> None:
    await ask(server, target, fields=fields)
    (record,) = [one for one in caplog.records if one.name == "streamserver"]
    assert (record.levelno, record.getMessage()) == (logging.ERROR, f"GET {target} failed")
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], LookupError)


async def test_what_breaks_after_the_head_is_cut(server: Served) -> None:
    async with connect(server.port) as client:
        await client.send(f"GET /stream/cut HTTP/1.1\r\nHost: a\r\nOrigin: {OURS}\r\n\r\n".encode())
        received = await client.read_until()
    assert received.endswith(b"\r\n\r\n3\r\none\r\n")
    assert (await wait_until(lambda: server.ended))[0].outcome is Outcome.TRUNCATED


class Rows:
    """A body that holds something, and so must be closed even if nobody reads it."""

    closed = False

    def __aiter__(self) -> "Rows":
        return self

    async def __anext__(self) -> str:
        raise StopAsyncIteration

    async def aclose(self) -> None:
        self.closed = True


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_stream_is_closed(serve: Serve, method: str) -> None:
    rows = Rows()

    async def handler(request: Request) -> Response:
        return Response(rows)

    server = await serve(cors(handler, **POLICY))
    assert (await ask(server, "/", method, {"Origin": OURS})).status == 200
    assert rows.closed


# Preflights


def asks(origin: str, method: str = "PUT") -> dict[str, str]:
    return {"Origin": origin, "Access-Control-Request-Method": method}


@pytest.mark.parametrize("target", ["/ok", "/none", "/broken"])
async def test_a_preflight_is_answered_without_the_handler(server: Served, target: str) -> None:
    answer = await ask(server, target, "OPTIONS", asks(ALSO_OURS))
    assert (answer.status, answer.body) == (204, b"")
    assert of_cors(answer) == {
        "allow-origin": ALSO_OURS,
        "allow-methods": "GET, PUT",
        "allow-headers": "Content-Type, Last-Event-ID",
        "expose-headers": "ETag, X-Count",
        "max-age": "600",
    }
    assert answer.headers["vary"] == "Origin"


async def test_a_preflight_of_anybody_else(server: Served) -> None:
    answer = await ask(server, "/ok", "OPTIONS", asks(THEIRS))
    assert (answer.status, of_cors(answer)) == (204, {})
    assert answer.headers["allow"] == "GET, HEAD, OPTIONS, PUT"


async def test_options_that_is_no_preflight(server: Served) -> None:
    answer = await ask(server, "/ok", "OPTIONS", {"Origin": OURS})
    assert (of_cors(answer), answer.headers["allow"]) == (READABLE, "GET, HEAD, OPTIONS, PUT")


async def test_a_get_is_no_preflight_whatever_it_says(server: Served) -> None:
    assert (await ask(server, "/ok", "GET", asks(OURS))).body == b"ok"


# Policies


async def test_every_origin(serve: Serve, tmp_path: Path) -> None:
    server = await serve(cors(make_app(tmp_path), origins="*"))
    for target, vary in (("/ok", "Accept"), ("/none", None)):
        answer = await ask(server, target, fields={"Origin": THEIRS})
        assert of_cors(answer) == {"allow-origin": "*"}
        assert answer.headers.get("vary") == vary
    assert of_cors(await ask(server, "/ok")) == {}
    preflight = of_cors(await ask(server, "/ok", "OPTIONS", asks(THEIRS)))
    methods = "GET, HEAD, POST, PUT, PATCH, DELETE"
    assert preflight == {"allow-origin": "*", "allow-methods": methods, "max-age": "600"}


async def test_credentials(serve: Serve, tmp_path: Path) -> None:
    server = await serve(cors(make_app(tmp_path), origins=OURS, credentials=True, max_age=0))
    for target in ("/ok", "/none"):
        answer = await ask(server, target, fields={"Origin": OURS})
        assert of_cors(answer) == {"allow-origin": OURS, "allow-credentials": "true"}
    preflight = of_cors(await ask(server, "/ok", "OPTIONS", asks(OURS)))
    assert (preflight["allow-credentials"], preflight["max-age"]) == ("true", "0")


@pytest.mark.parametrize("vary", ["*", "origin", "Accept, ORIGIN"])
async def test_a_vary_that_says_it_already(serve: Serve, vary: str) -> None:
    async def handler(request: Request) -> Response:
        return Response(headers={"Vary": vary})

    answer = await ask(await serve(cors(handler, origins=OURS)), "/")
    assert answer.headers["vary"] == vary


@pytest.mark.parametrize(
    ("policy", "complaint"),
    [
        ({"origins": "*", "credentials": True}, "with credentials, origins"),
        ({"origins": [OURS, "*"], "credentials": True}, "with credentials, origins"),
        ({"origins": OURS, "headers": "*", "credentials": True}, "with credentials, headers"),
        ({"origins": OURS, "methods": "*", "credentials": True}, "with credentials, methods"),
        ({"origins": OURS, "expose": "*", "credentials": True}, "with credentials, expose"),
        ({"origins": OURS + "/"}, "cors origins"),
        ({"origins": "example.org"}, "cors origins"),
        ({"origins": "https://Example.org"}, "cors origins"),
        ({"origins": f"{OURS}, {THEIRS}"}, "cors origins"),
        ({"origins": "null"}, "cors origins"),
        ({"origins": OURS, "methods": "GET, PUT"}, "cors methods"),
        ({"origins": OURS, "headers": ["a\r\nb"]}, "cors headers"),
        ({"origins": OURS, "max_age": -1}, "max_age"),
    ],
)
def test_a_policy_that_cannot_be(policy: dict[str, Any], complaint: str) -> None:
    async def handler(request: Request) -> Response:
        return Response()

    with pytest.raises(ValueError, match=complaint):
        cors(handler, **policy)
