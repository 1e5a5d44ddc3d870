"""How large a request's body may be, who says so, and who is told."""

import pytest

from streamserver.kit.request import Request
from streamserver.kit.response import Response
from streamserver.wire.problem import HTTPError
from support.answers import detail, statuses
from support.handlers import echo
from support.inprocess import Serve
from support.rawsocket import connect, raw
from support.requests import LAST, chunked, post
from support.waiting import wait_until

MIB = 1024 * 1024


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (post(bytes(10)), 200),
        (post(bytes(11)), 413),
        (post(b"", length=11), 413),
        (post(b"", length=10**15), 413),
        (chunked(bytes(10)), 200),
        (chunked(*[b"x"] * 10), 200),
        (chunked(bytes(11)), 413),
        (chunked(*[b"x"] * 11), 413),
        (chunked(bytes(11), end=b""), 413),
        (chunked(*[b"x"] * 1000, end=b""), 413),
    ],
)
async def test_a_body_may_have_so_many_bytes(serve: Serve, sent: bytes, status: int) -> None:
    """A length is enough to be refused; without one, the first byte too many."""
    server = await serve(echo, max_body=10)
    received = await raw(server.port, sent, until=lambda got: b"}\n" in got or b"got" in got)
    assert statuses(received) == [status]
    if status == 413:
        assert detail(received) == "the request body is larger than 10 bytes"


async def test_a_body_that_is_too_large_is_refused_before_it_is_sent(serve: Serve) -> None:
    """A client that asks first is told no, and not to go on."""
    server = await serve(echo, max_body=10)
    sent = post(b"", length=11, fields=[b"Expect: 100-continue"])
    received = await raw(server.port, sent)
    assert statuses(received) == [413]


@pytest.mark.parametrize("sent", [post(bytes(11), length=5 * MIB), chunked(bytes(MIB))])
async def test_a_refused_upload_gets_its_answer_though_it_goes_on(
    serve: Serve, sent: bytes
) -> None:
    """And nothing behind it is run (RFC 9112, section 9.6)."""
    server = await serve(echo, max_body=10)
    async with connect(server.port) as client:
        await client.send(sent + LAST)
        received = await client.read_until()
    assert statuses(received) == [413]
    assert b"\r\nconnection: close\r\n" in received
    assert len(server.ended) == 1


@pytest.mark.parametrize(("limit", "status"), [(4, 413), (5, 200), (None, 200), (10**9, 200)])
@pytest.mark.parametrize("sent", [post(b"hello"), chunked(b"he", b"llo")])
async def test_a_handler_sets_the_limit_of_its_route(
    serve: Serve, sent: bytes, limit: int | None, status: int
) -> None:
    async def handler(request: Request) -> Response:
        assert request.max_body == 4
        request.max_body = limit
        assert request.max_body == limit
        return Response(await request.body())

    server = await serve(handler, max_body=4)
    received = await raw(server.port, sent, until=lambda got: b"}\n" in got or b"hello" in got)
    assert statuses(received) == [status]


async def test_a_handler_may_answer_a_body_that_is_too_large_itself(serve: Serve) -> None:
    async def handler(request: Request) -> Response:
        try:
            await request.body()
        except HTTPError as error:
            return Response(f"no: {error.status}", status=400)
        raise AssertionError("the body was taken")

    server = await serve(handler, max_body=10)
    received = await raw(server.port, post(bytes(11), length=MIB))
    assert received.endswith(b"no: 413")
    assert b"\r\nconnection: close\r\n" in received


async def test_whether_a_refusal_is_rejected_does_not_depend_on_the_packets(serve: Serve) -> None:
    server = await serve(echo, max_body=10)
    await raw(server.port, post(bytes(11)), until=b"}\n")
    await raw(server.port, post(bytes(5), length=11), until=b"}\n")
    await wait_until(lambda: len(server.ended) == 2)
    assert [exchange.outcome for exchange in server.ended] == ["rejected", "rejected"]
