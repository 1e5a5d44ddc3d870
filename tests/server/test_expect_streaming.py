"""Expect: 100-continue where the response is a stream that reads its request meanwhile.

100 Continue can only be sent before the final head (RFC 9110, section 15.2). A client that
does not get it may send the body all the same (section 10.1.1).
"""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from streamserver.kit.request import Request
from streamserver.kit.response import Response
from streamserver.kit.service import Handler
from streamserver.kit.stream import StreamController
from streamserver.server.phase import Outcome
from support.answers import statuses
from support.inprocess import Serve
from support.rawsocket import connect
from support.requests import chunked, post

EXPECT = [b"Expect: 100-continue"]
BODIES = [
    (post(b"", length=5, fields=EXPECT), b"hello"),
    (chunked(end=b"", fields=EXPECT), b"5\r\nhello\r\n0\r\n\r\n"),
]


async def reads_first(request: Request) -> Response:
    async def pieces() -> AsyncIterator[bytes]:
        async for part in request:
            yield b"got " + part

    return Response(pieces())


async def waits_then_reads_first(request: Request) -> Response:
    await asyncio.sleep(0)  # so that its first step is over
    return await reads_first(request)


async def sends_first(request: Request) -> Response:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"first"
        async for part in request:
            yield b"got " + part

    return Response(pieces())


async def waits_while_it_streams(request: Request) -> Response:
    async def pieces() -> AsyncIterator[bytes]:
        await asyncio.sleep(0.01)  # a silent producer's head is sent at once
        async for part in request:
            yield b"got " + part

    return Response(pieces())


async def pushes(request: Request) -> Response:
    stream = StreamController()

    async def push() -> None:
        async for part in request:
            stream.enqueue(b"got " + part)
        stream.close()

    request.exchange.on_end.append(asyncio.create_task(push()).cancel)
    return Response(stream)


ORDERS = [
    *((handler, [100, 200]) for handler in (reads_first, waits_then_reads_first)),
    *((handler, [200]) for handler in (sends_first, waits_while_it_streams, pushes)),
]


@pytest.mark.parametrize(("handler", "answers"), ORDERS)
@pytest.mark.parametrize(("sent", "body"), BODIES)
async def test_the_body_comes_behind_the_100_or_the_final_head(
    serve: Serve, handler: Handler, answers: list[int], sent: bytes, body: bytes
) -> None:
    """100 Continue is sent where the first read precedes the final head."""
    server = await serve(handler)
    async with connect(server.port) as client:
        await client.send(sent)
        await client.read_until(b"\r\n\r\n")
        await client.send(body)
        received = await client.read_until()
    assert statuses(received) == answers
    assert received.endswith(b"9\r\ngot hello\r\n0\r\n\r\n")
    assert [exchange.outcome for exchange in server.ended] == [Outcome.COMPLETE]


@pytest.mark.parametrize(
    ("handler", "patience", "answer"),
    [(reads_first, "60", b"got hello"), (sends_first, "0.05", b"firstgot hello")],
)
async def test_curl_sends_the_body_in_either_order(
    serve: Serve,
    peer: Callable[[str], str],
    handler: Handler,
    patience: str,
    answer: bytes,
) -> None:
    """``patience``: how long curl waits for a 100, in seconds; 60 are more than the test has."""
    server = await serve(handler)
    process = await asyncio.create_subprocess_exec(
        *(peer("curl"), "-sS", "-m", "20", "--noproxy", "*", "--expect100-timeout", patience),
        *("-H", "Expect: 100-continue", "--data-binary", "hello", server.url),
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await asyncio.wait_for(process.communicate(), 30)
    assert (process.returncode, output) == (0, answer)
