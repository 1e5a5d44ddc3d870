"""Requests that never end: nothing of them may pass for a whole one (RFC 9112, section 8)."""

from collections.abc import AsyncIterator

import pytest

from conformance.cases import chunked, field, length
from conformance.talking import Echo, check_refusal, read_answers, send
from streamserver.kit.request import Request
from streamserver.kit.response import Response
from support.inprocess import Serve
from support.rawsocket import connect, raw
from support.waiting import wait_until

UNFINISHED = {
    "a head": field(b"X: y"),
    "a body with its length": length(b"5"),
    "a body in chunks": chunked(b"2\r\nhe\r\n3;a=b\r\nllo\r\n0\r\nX: y\r\n\r\n"),
}


@pytest.mark.parametrize("request_", UNFINISHED.values(), ids=UNFINISHED)
async def test_a_client_that_ends_inside_a_request_gets_nothing_done(
    request_: bytes, serve: Serve
) -> None:
    """After each byte but the last: no answer, or the one that tells it was cut short."""
    served: list[bytes] = []

    async def handler(request: Request) -> Response:
        served.append(await request.body())
        return Response()

    server = await serve(handler)
    for end in range(len(request_)):
        received = await raw(server.port, request_[:end], eof=True)
        assert served == [], f"cut after {request_[:end]!r}"
        if received:
            [answer] = read_answers(received, ["POST"])
            check_refusal(answer, [400, 408])


@pytest.mark.parametrize("request_", UNFINISHED.values(), ids=UNFINISHED)
async def test_the_server_waits_for_the_rest(request_: bytes, serve: Serve) -> None:
    """A request cut in two anywhere is the same request."""
    echo = Echo()
    server = await serve(echo)
    async with connect(server.port) as client:
        for end in range(1, len(request_)):
            client.received = b""
            await send(client, [request_[:end], request_[end:]])
            received = await client.read_until(b"}")
            [answer] = read_answers(received, ["POST"])
            assert answer.status == 200
    assert len(echo.ran) == len(request_) - 1


@pytest.mark.parametrize(
    ("request_", "seen"),
    [
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhello", b"hello"),
        (chunked(b"5\r\nhello\r\n5\r\n"), b"hello"),
    ],
)
async def test_a_handler_that_reads_a_stream_learns_that_it_was_cut(
    request_: bytes, seen: bytes, serve: Serve
) -> None:
    """It has had what came; but the end it waits for never comes as if all were well."""
    parts: list[bytes] = []
    ends: list[str] = []

    async def parts_of(request: Request) -> AsyncIterator[bytes]:
        try:
            async for part in request:
                yield part
        except BaseException as error:
            ends.append(type(error).__name__)
            raise
        ends.append("whole")

    async def handler(request: Request) -> Response:
        async for part in parts_of(request):
            parts.append(part)
        return Response()

    server = await serve(handler)
    async with connect(server.port) as client:
        await client.send(request_)
        await wait_until(lambda: b"".join(parts) == seen)
        client.end()
        await client.read_until()
    assert ends in (["HTTPError"], ["CancelledError"])
