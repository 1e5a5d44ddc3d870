"""Connections: new, reused, and closed by the server."""

import asyncio

import pytest

from streamserver.lab.client.client import Client
from streamserver.lab.client.record import Record
from streamserver.lab.client.request import RequestSpec
from streamserver.lab.target.app import make_target
from support.inprocess import Serve
from support.rawserver import RawServer
from support.rawsocket import RawClient
from support.waiting import wait_until

pytestmark = pytest.mark.both_loops

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
LAST = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"


async def begin(client: Client) -> tuple[Record, "asyncio.Task[None]"]:
    """Begin an exchange."""
    record = Record()
    return record, asyncio.create_task(client.run(record))


async def test_one_connection_serves_many_exchanges(serve: Serve) -> None:
    served = await serve(make_target())
    client = Client(RequestSpec(f"{served.url}/sse?count=1"))
    records = [await client.exchange() for _ in range(4)]
    client.close()
    assert [bool(record.connected) for record in records] == [True, False, False, False]
    assert [record.retries for record in records] == [0] * 4


async def test_fresh_connections_send_connection_close(upstream: RawServer) -> None:
    client = Client(RequestSpec(upstream.url), fresh=True)
    for _ in range(3):
        record, task = await begin(client)
        connection = await upstream.asked()
        assert b"\r\nconnection: close\r\n" in connection.received
        await connection.send(ANSWER)
        await task
        assert record.connected
        assert await connection.read_until() == connection.received
    client.close()


async def test_a_connection_that_the_server_will_close_is_not_reused(upstream: RawServer) -> None:
    client = Client(RequestSpec(upstream.url))
    for _ in range(2):
        record, task = await begin(client)
        await (await upstream.asked()).send(LAST)
        await task
        assert (record.end, record.retries) == ("complete", 0)
        assert record.connected
    client.close()


async def _kept(client: Client, upstream: RawServer) -> RawClient:
    """A connection after its first exchange."""
    _, task = await begin(client)
    connection = await upstream.asked()
    await connection.send(ANSWER)
    await task
    return connection


async def test_a_request_on_a_closed_connection_is_retried_and_counted(
    upstream: RawServer,
) -> None:
    client = Client(RequestSpec(upstream.url))
    kept = await _kept(client, upstream)
    record, task = await begin(client)
    await kept.read_until(lambda received: received.count(b"\r\n\r\n") == 2)
    kept.end()
    await (await upstream.asked()).send(ANSWER)
    await task
    client.close()
    assert (record.end, record.retries, record.status) == ("complete", 1, 200)
    assert record.planned <= record.dialed <= record.connected <= record.sent <= record.head


async def test_a_request_is_retried_no_more_than_once(upstream: RawServer) -> None:
    client = Client(RequestSpec(upstream.url))
    kept = await _kept(client, upstream)
    record, task = await begin(client)
    await kept.read_until(lambda received: received.count(b"\r\n\r\n") == 2)
    kept.end()
    (await upstream.asked()).end()
    await task
    client.close()
    assert (record.end, record.retries) == ("unanswered", 1)


async def test_a_request_with_a_partial_response_is_not_retried(upstream: RawServer) -> None:
    client = Client(RequestSpec(upstream.url))
    kept = await _kept(client, upstream)
    record, task = await begin(client)
    await kept.read_until(lambda received: received.count(b"\r\n\r\n") == 2)
    await kept.send(b"HTTP/1.1 2")
    await wait_until(lambda: record.reads)
    kept.end()
    await task
    client.close()
    assert (record.end, record.retries) == ("truncated", 0)


async def test_a_request_on_a_new_connection_is_not_retried(upstream: RawServer) -> None:
    client = Client(RequestSpec(upstream.url))
    record, task = await begin(client)
    (await upstream.asked()).end()
    await task
    client.close()
    assert (record.end, record.retries) == ("unanswered", 0)


async def test_a_connection_known_to_be_closed_is_not_reused(upstream: RawServer) -> None:
    client = Client(RequestSpec(upstream.url))
    kept = await _kept(client, upstream)
    kept.end()
    await kept.read_until()
    record, task = await begin(client)
    await (await upstream.asked()).send(ANSWER)
    await task
    client.close()
    assert (record.end, record.retries) == ("complete", 0)
    assert record.connected


async def test_a_response_without_a_request_closes_the_connection(upstream: RawServer) -> None:
    client = Client(RequestSpec(upstream.url))
    kept = await _kept(client, upstream)
    await kept.send(ANSWER)
    assert await kept.read_until(timeout=5) == kept.received
    client.close()


async def test_a_cancelled_exchange_is_stopped(upstream: RawServer) -> None:
    client = Client(RequestSpec(upstream.url))
    record, task = await begin(client)
    connection = await upstream.asked()
    await connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    await wait_until(lambda: record.head)
    task.cancel()
    await asyncio.wait([task])
    client.close()
    assert (record.end, bool(record.ended), record.last_byte) == ("stopped", True, 0)
    assert await connection.read_until() == connection.received


async def test_a_cancelled_exchange_with_a_complete_response_leaves_no_connection(
    upstream: RawServer,
) -> None:
    """It is cancelled between the last read and the end of its task."""
    client = Client(RequestSpec(upstream.url))
    record, task = await begin(client)
    connection = await upstream.asked()
    await connection.send(ANSWER)
    async with asyncio.timeout(5):
        while not record.last_byte:
            await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    assert record.end == "complete"
    assert await connection.read_until() == connection.received
    client.close()
