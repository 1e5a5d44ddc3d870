"""Too much at once: requests, connections, answers that nobody takes, clients that vanish.

A server keeps what it holds for each client within bounds, and hands none of them the rest.
"""

import asyncio
import itertools
import random
from collections.abc import AsyncIterator

import pytest

from conformance.cases import chunked, field, length
from conformance.hostility import memory_below, unharmed
from conformance.talking import Echo, check_refusal, read_answer, read_answers, send
from streamserver.kit.request import Request
from streamserver.kit.response import Response
from streamserver.server.phase import Outcome
from support.inprocess import Serve
from support.rawsocket import connect, raw
from support.requests import LAST
from support.waiting import wait_until

MEBIBYTE = 1 << 20
PIECE = b"x" * 65536


async def name(request: Request) -> Response:
    """A handler that is done at once."""
    return Response(request.target)


async def test_ten_thousand_requests_at_once(serve: Serve) -> None:
    """All are answered, in their order."""
    server = await serve(name)
    count = 10_000
    requests = b"".join(b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n" % number for number in range(count))
    async with unharmed(server), connect(server.port) as client:
        sending = asyncio.ensure_future(client.send(requests + LAST))
        received = await client.read_until(timeout=30.0)
        await sending
    bodies = [answer.partition(b"\r\n\r\n")[2] for answer in received.split(b"HTTP/1.1 200 OK")]
    assert bodies == [b"", *[b"/%d" % number for number in range(count)], b"/last"]


async def test_requests_that_come_faster_than_they_are_answered(serve: Serve) -> None:
    """They wait in the network, not in memory, though each of them is answered at once."""

    async def forget(request: Request) -> Response:
        server.ended.clear()
        return Response()

    server = await serve(forget)
    count = 4096
    requests = field(b"X: " + b"y" * 1024) * count + LAST
    async with unharmed(server), connect(server.port) as client:
        with memory_below(2 * MEBIBYTE):
            sending = asyncio.ensure_future(client.send(requests))
            received = await client.read_until(timeout=30.0)
            await sending
    assert received.count(b"HTTP/1.1 200 OK\r\n") == count + 1


@pytest.mark.parametrize("waits", [False, True], ids=["fast handler", "handler that waits"])
async def test_requests_for_ever_from_a_client_that_reads_nothing(
    waits: bool, serve: Serve
) -> None:
    """It is held back before much of it is kept, and cut when its answers have waited too long."""

    async def large(request: Request) -> Response:
        if waits:
            await asyncio.sleep(0)
        return Response(PIECE)

    server = await serve(large, write_timeout=0.3)
    async with unharmed(server), connect(server.port, receive_buffer=4096) as client:
        requests = field(b"X: " + b"y" * 1024) * 60
        with memory_below(2 * MEBIBYTE), pytest.raises(ConnectionError):
            await send(client, itertools.repeat(requests, 32 * MEBIBYTE // len(requests)))


async def test_requests_for_ever_behind_one_that_takes_its_time(serve: Serve) -> None:
    """Few of them may wait; the client does not get rid of the others."""
    done = asyncio.Event()

    async def wait(request: Request) -> Response:
        await done.wait()
        return Response()

    server = await serve(wait)
    requests = field(b"X: " + b"y" * 1024) * (32 * 1024)
    async with unharmed(server):
        async with connect(server.port) as client:
            with memory_below(2 * MEBIBYTE), pytest.raises(TimeoutError):
                async with asyncio.timeout(0.5):
                    await client.send(requests)
        done.set()


async def test_readers_that_read_nothing(serve: Serve) -> None:
    """Their producers wait, little is kept for each, and after the deadline they are cut."""
    closed: list[str] = []

    async def for_ever(target: str) -> AsyncIterator[bytes]:
        try:
            while True:
                yield PIECE
        finally:
            closed.append(target)

    async def endless(request: Request) -> Response:
        return Response(b"" if request.target == "/last" else for_ever(request.target))

    server = await serve(endless, write_timeout=0.3)
    readers = 20
    async with unharmed(server):
        clients = [connect(server.port, receive_buffer=4096) for _ in range(readers)]
        with memory_below(readers * MEBIBYTE):
            for client in clients:
                await (await client.__aenter__()).send(field(b"X: y"))
            await wait_until(lambda: len(server.ended) == readers)
        for client in clients:
            await client.__aexit__(None, None, None)
    assert {exchange.outcome for exchange in server.ended[:readers]} == {Outcome.STALLED}
    assert closed == ["/"] * readers


async def test_more_connections_than_allowed(serve: Serve) -> None:
    """Those beyond the limit are told so at once; those within it notice nothing."""
    server = await serve(name, max_connections=3)
    async with unharmed(server), connect(server.port) as one, connect(server.port):
        async with connect(server.port) as third:
            await wait_until(lambda: server.listener.connections == 3)
            for received in await asyncio.gather(*[raw(server.port, b"") for _ in range(100)]):
                [answer] = read_answers(received, ["GET"])
                check_refusal(answer, [503])
                assert int(answer.fields["retry-after"]) >= 1
            for client in (one, third):
                await client.send(field(b"X: y"))
                answer, _ = read_answer(await client.read_until(b"\r\n\r\n/"), "GET")
                assert answer.status == 200
        await wait_until(lambda: server.listener.connections == 2)
        [answer] = read_answers(await raw(server.port, LAST), ["GET"])
        assert answer.status == 200


async def test_refused_connections_that_send_all_the_same(serve: Serve) -> None:
    """A client that speaks before it listens can read its 503 too."""
    server = await serve(name, max_connections=1)
    async with unharmed(server), connect(server.port):
        await wait_until(lambda: server.listener.connections == 1)
        for _ in range(20):
            [answer] = read_answers(await raw(server.port, length(b"5") + PIECE), ["POST"])
            check_refusal(answer, [503])


async def test_clients_that_vanish_at_any_moment(serve: Serve) -> None:
    """Reset or closed, with a request half sent or an answer half read."""
    echo = Echo()
    server = await serve(echo)
    chance = random.Random(4)
    stream = b"GET /stream HTTP/1.1\r\nHost: a\r\n\r\n"
    body = chunked(b"5\r\nhello\r\n" * 5 + b"0\r\n\r\n")
    requests = (stream * 3, body, stream + body, stream.replace(b"stream", b"slow") * 2)

    async def vanish(request: bytes) -> None:
        async with connect(server.port) as client:
            await client.send(request[: chance.randint(0, len(request))])
            for _ in range(chance.randint(0, 10)):
                await asyncio.sleep(0)
            if chance.random() < 0.7:
                client.reset()

    async with unharmed(server):
        some = itertools.islice(itertools.cycle(requests), 200)
        await asyncio.gather(*[vanish(request) for request in some])
    assert all(exchange.outcome for exchange in server.ended)
