"""What a client receives if a handler raises."""

import asyncio
import json

import pytest

from streamserver.kit.request import Request
from streamserver.kit.response import Response
from streamserver.wire.problem import HTTPError
from support.inprocess import Serve, Served
from support.rawsocket import raw
from support.requests import get


async def answer_to(serve: Serve, error: BaseException, *, wait: bool) -> tuple[bytes, Served]:
    """What a client gets when the handler raises, at once or after a wait."""

    async def handler(request: Request) -> Response:
        if wait:
            await asyncio.sleep(0)
        raise error

    server = await serve(handler)
    return await raw(server.port, get(b"/"), until=b"}\n", timeout=2), server


@pytest.fixture(params=[False, True], ids=["at once", "later"])
def wait(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


async def test_an_http_error_is_its_answer(serve: Serve, wait: bool) -> None:
    error = HTTPError(429, "slow down", headers={"Retry-After": "7"}, limit=5)
    received, server = await answer_to(serve, error, wait=wait)
    head, _, body = received.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 429 Too Many Requests\r\n")
    assert b"\r\nretry-after: 7\r\n" in head
    assert b"\r\ncontent-type: application/problem+json\r\n" in head
    assert json.loads(body) == {
        "title": "Too Many Requests",
        "status": 429,
        "detail": "slow down",
        "limit": 5,
    }
    assert [exchange.status for exchange in server.ended] == [429]


@pytest.mark.parametrize("error", [ValueError("secret"), KeyError("secret"), SystemError("secret")])
async def test_any_other_error_is_a_500_that_tells_nothing(
    serve: Serve, error: Exception, wait: bool, caplog: pytest.LogCaptureFixture
) -> None:
    received, server = await answer_to(serve, error, wait=wait)
    assert received.startswith(b"HTTP/1.1 500 ")
    assert b"secret" not in received
    assert "secret" in caplog.text
    assert "Traceback" in caplog.text
    assert [exchange.error for exchange in server.ended] == [error]


@pytest.mark.parametrize(
    "error",
    [
        HTTPError(400, headers={"X": "a\r\nSet-Cookie: b"}),
        HTTPError(400, headers={"Transfer-Encoding": "gzip"}),
        HTTPError(400, "half a pair: \ud800"),
        HTTPError(400, member=object()),
    ],
    ids=["splits the head", "breaks the framing", "no UTF-8", "no JSON"],
)
async def test_an_error_that_cannot_be_told_is_an_answer_all_the_same(
    serve: Serve, error: HTTPError, wait: bool
) -> None:
    """A client that quotes half a surrogate pair in JSON may well be quoted in an error."""
    received, _ = await answer_to(serve, error, wait=wait)
    assert received.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 500 "))
    assert b"\r\nset-cookie" not in received.lower()
