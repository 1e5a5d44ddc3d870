"""Connections: kept or new, and what a kept one may turn out to be."""

import asyncio

import pytest

from streamserver.lab.client.client import Ask, Client
from streamserver.lab.client.record import Record
from streamserver.lab.target.app import make_target
from support.inprocess import Serve
from support.rawserver import RawServer
from support.rawsocket import RawClient
from support.waiting import wait_until

pytestmark = pytest.mark.both_loops

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
LAST = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"


async def ask(client: Client) -> tuple[Record, "asyncio.Task[None]"]:
    """An exchange that has begun."""
    record = Record()
    return record, asyncio.create_task(client.run(record))


async def test_one_connection_serves_many_exchanges(serve: Serve) -> None:
    served = await serve(make_target())
    client = Client(Ask(f"{served.url}/sse?count=1"))
    records = [await client.exchange() for _ in range(4)]
    client.close()
    assert [bool(record.connected) for record in records] == [True, False, False, False]
    assert [record.retries for record in records] == [0] * 4


async def test_fresh_ones_are_new_each_time_and_say_so(upstream: RawServer) -> None:
    client = Client(Ask(upstream.url), fresh=True)
    for _ in range(3):
        record, task = await ask(client)
        connection = await upstream.asked()
        assert b"\r\nconnection: close\r\n" in connection.received
        await connection.send(ANSWER)
        await task
        assert record.connected
        assert await connection.read_until() == connection.received
    client.close()


async def test_one_that_the_server_will_close_is_not_kept(upstream: RawServer) -> None:
    client = Client(Ask(upstream.url))
    for _ in range(2):
        record, task = await ask(client)
        await (await upstream.asked()).send(LAST)
        await task
        assert (record.end, record.retries) == ("complete", 0)
        assert record.connected
    client.close()


async def _kept(client: Client, upstream: RawServer) -> RawClient:
    """A connection that has served one exchange."""
    _, task = await ask(client)
    connection = await upstream.asked()
    await connection.send(ANSWER)
    await task
    return connection


async def test_a_kept_one_that_is_closed_unseen_is_retried_once_and_counted(
    upstream: RawServer,
) -> None:
    client = Client(Ask(upstream.url))
    kept = await _kept(client, upstream)
    record, task = await ask(client)
    await kept.read_until(lambda received: received.count(b"\r\n\r\n") == 2)
    kept.end()
    await (await upstream.asked()).send(ANSWER)
    await task
    client.close()
    assert (record.end, record.retries, record.status) == ("complete", 1, 200)
    assert record.planned <= record.dialed <= record.connected <= record.sent <= record.head


async def test_it_is_retried_no_more_than_once(upstream: RawServer) -> None:
    client = Client(Ask(upstream.url))
    kept = await _kept(client, upstream)
    record, task = await ask(client)
    await kept.read_until(lambda received: received.count(b"\r\n\r\n") == 2)
    kept.end()
    (await upstream.asked()).end()
    await task
    client.close()
    assert (record.end, record.retries) == ("unanswered", 1)


async def test_one_that_had_begun_to_answer_is_not_retried(upstream: RawServer) -> None:
    client = Client(Ask(upstream.url))
    kept = await _kept(client, upstream)
    record, task = await ask(client)
    await kept.read_until(lambda received: received.count(b"\r\n\r\n") == 2)
    await kept.send(b"HTTP/1.1 2")
    await wait_until(lambda: record.reads)
    kept.end()
    await task
    client.close()
    assert (record.end, record.retries) == ("truncated", 0)


async def test_a_new_one_is_not_retried(upstream: RawServer) -> None:
    client = Client(Ask(upstream.url))
    record, task = await ask(client)
    (await upstream.asked()).end()
    await task
    client.close()
    assert (record.end, record.retries) == ("unanswered", 0)


async def test_one_that_is_seen_to_be_closed_is_not_used(upstream: RawServer) -> None:
    client = Client(Ask(upstream.url))
    kept = await _kept(client, upstream)
    kept.end()
    await kept.read_until()
    record, task = await ask(client)
    await (await upstream.asked()).send(ANSWER)
    await task
    client.close()
    assert (record.end, record.retries) == ("complete", 0)
    assert record.connected


async def test_an_answer_that_nobody_asked_for_ends_a_connection(upstream: RawServer) -> None:
    client = Client(Ask(upstream.url))
    kept = await _kept(client, upstream)
    await kept.send(ANSWER)
    assert await kept.read_until(timeout=5) == kept.received
    client.close()


async def test_one_that_is_stopped_is_told_as_such(upstream: RawServer) -> None:
    client = Client(Ask(upstream.url))
    record, task = await ask(client)
    connection = await upstream.asked()
    await connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    await wait_until(lambda: record.head)
    task.cancel()
    await asyncio.wait([task])
    client.close()
    assert (record.end, bool(record.ended), record.last_byte) == ("stopped", True, 0)
    assert await connection.read_until() == connection.received


async def test_one_that_is_stopped_with_its_answer_leaves_no_connection(
    upstream: RawServer,
) -> None:
    """It is cancelled when all has come, and before it knows."""
    client = Client(Ask(upstream.url))
    record, task = await ask(client)
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
