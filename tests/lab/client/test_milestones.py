"""The time of each milestone, their order, and what is counted."""

import asyncio
import json
from itertools import pairwise

import pytest

from lab.client.conftest import Measure
from streamserver.lab.client import events as events_module
from streamserver.lab.client.client import Client
from streamserver.lab.client.record import Record
from streamserver.lab.client.request import RequestSpec
from streamserver.lab.target.app import make_target
from streamserver.proxy.origin import client_context
from streamserver.serving.tls import server_context
from streamserver.wire.chunked import LAST_CHUNK, encode
from support.certificates import Certificate
from support.inprocess import Serve
from support.rawserver import RawServer
from support.waiting import wait_until

pytestmark = pytest.mark.both_loops

HEAD = b"HTTP/1.1 200 OK\r\n"
EVENTS = HEAD + b"Content-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
LINES = HEAD + b"Content-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n"


def event(data: object) -> bytes:
    return f"data: {json.dumps(data)}\n\n".encode()


def delta(**members: str) -> bytes:
    return event({"choices": [{"delta": members}]})


async def test_each_milestone_has_the_time_of_its_read(measure: Measure) -> None:
    """Each step is sent when the one before has been read."""
    steps = [
        (b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n", ""),
        (b"Transfer-Encoding: chunked\r\n\r\n", "head"),
        (encode(b": hello\n\n"), "first_byte"),
        (encode(delta(role="assistant", content="")), "first_event"),
        (encode(delta(reasoning_content="Hm")), "first_reasoning"),
        (encode(delta(content="Hi")), "first_token"),
        (encode(b"data: [DONE]\n\n") + LAST_CHUNK, "last_byte"),
    ]
    reached: list[str] = []
    async with measure() as exchange:
        seen = exchange.seen
        assert 0 < seen.planned <= seen.began <= seen.dialed <= seen.connected <= seen.sent
        for reads, (data, milestone) in enumerate(steps, 1):
            await exchange.connection.send(data)
            await wait_until(lambda reads=reads: seen.reads == reads)  # type: ignore[misc]  # a default has no type
            reached += [milestone] if milestone else []
            for _, name in steps:
                assert not name or bool(getattr(seen, name)) is (name in reached), name
        record = await exchange.record()
    moments = [getattr(record, name) for name in reached]
    assert [record.sent, *moments, record.ended] == sorted([record.sent, *moments, record.ended])
    assert len(set(moments)) == len(moments)
    assert (record.end, record.status) == ("complete", 200)
    assert (record.reads, record.chunks, record.events) == (7, 5, 4)
    assert [*record.arrivals] == [*moments[2:5], record.last_byte]
    assert record.longest_gap == max(b - a for a, b in pairwise(record.arrivals))


async def test_reads_chunks_and_events_are_counted_apart(measure: Measure) -> None:
    body = b"".join(event(n) for n in range(6))
    async with measure() as exchange:
        await exchange.connection.send(EVENTS + encode(body[:20]) + encode(body[20:21]))
        await wait_until(lambda: exchange.seen.reads == 1)
        await exchange.connection.send(encode(body[21:]) + LAST_CHUNK)
        record = await exchange.record()
    assert (record.reads, record.chunks, record.events) == (2, 3, 6)
    assert record.size == len(body)


async def test_an_event_in_many_reads_arrives_with_the_last(measure: Measure) -> None:
    async with measure() as exchange:
        data = encode(event("x"))
        await exchange.connection.send(EVENTS)
        await wait_until(lambda: exchange.seen.reads == 1)
        for at in range(len(data)):
            await exchange.connection.send(data[at : at + 1])
            await wait_until(lambda reads=at + 2: exchange.seen.reads == reads)  # type: ignore[misc]  # a default has no type
        await exchange.connection.send(LAST_CHUNK)
        record = await exchange.record()
    assert (record.reads, record.chunks, record.events) == (len(data) + 2, 1, 1)
    assert record.head < record.first_byte < record.first_event < record.last_byte


async def test_each_json_line_is_an_event(measure: Measure) -> None:
    async with measure() as exchange:
        await exchange.connection.send(LINES + encode(b'{"a":1}\n{"a"'))
        await wait_until(lambda: exchange.seen.events == 1)
        await exchange.connection.send(encode(b':2}\n\n{"a":3}') + LAST_CHUNK)
        record = await exchange.record()
    assert (record.end, record.events, record.chunks) == ("complete", 3, 2)
    assert [*record.arrivals] == [record.first_event, record.last_byte, record.last_byte]


async def test_a_body_of_another_type_has_no_events(measure: Measure) -> None:
    async with measure() as exchange:
        await exchange.connection.send(HEAD + b"Content-Length: 9\r\n\r\ndata: 1\n\n")
        record = await exchange.record()
    assert (record.events, record.first_event, record.size) == (0, 0, 9)
    assert record.first_byte


@pytest.mark.parametrize(
    ("coding", "events"), [(b"none", 1), (b"", 1), (b"identity", 1), (b"gzip", 0)]
)
async def test_events_are_read_unless_the_body_is_encoded(
    measure: Measure, coding: bytes, events: int
) -> None:
    head = HEAD + b"Content-Type: text/event-stream\r\nContent-Encoding: " + coding + b"\r\n"
    async with measure() as exchange:
        await exchange.connection.send(head + b"Content-Length: 9\r\n\r\ndata: 1\n\n")
        record = await exchange.record()
    assert (record.end, record.events) == ("complete" if events else "encoded", events)


async def test_reasoning_text_and_tool_calls_are_milestones_of_their_own(measure: Measure) -> None:
    thinking = {"type": "thinking", "thinking": [{"type": "text", "text": "Hm"}]}
    steps = [
        (": pings\n\n", ""),
        ('data: {"type":"ping"}\n\n' * 50, "first_event"),
        (f"data: {json.dumps({'choices': [{'delta': {'content': [thinking]}}]})}\n\n",
         "first_reasoning"),
        ('data: {"choices":[{"delta":{"refusal":"No"}}]}\n\n', "first_token"),
        ('data: {"choices":[{"delta":{"tool_calls":[{"function":{"name":"f"}}]}}]}\n\n',
         "first_tool_call"),
    ]  # fmt: skip
    async with measure() as exchange:
        seen = exchange.seen
        await exchange.connection.send(EVENTS)
        await wait_until(lambda: seen.reads == 1)
        for reads, (data, _) in enumerate(steps, 2):
            await exchange.connection.send(encode(data.encode()))
            await wait_until(lambda reads=reads: seen.reads == reads)  # type: ignore[misc]  # a default has no type
        await exchange.connection.send(encode(b"data: [DONE]\n\n") + LAST_CHUNK)
        record = await exchange.record()
    moments = [getattr(record, name) for _, name in steps[1:]]
    assert record.end == "complete"
    assert moments[0] > 0
    assert moments == sorted(set(moments))
    assert record.first_reasoning == record.arrivals[50]


async def test_many_events_are_counted_and_only_the_first_are_kept(
    measure: Measure, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events_module, "KEPT", 5)
    async with measure() as exchange:
        await exchange.connection.send(EVENTS + encode(event(1) * 3))
        await wait_until(lambda: exchange.seen.events == 3)
        await exchange.connection.send(encode(event(1) * 9) + LAST_CHUNK)
        record = await exchange.record()
    assert (record.events, len(record.arrivals)) == (12, 5)


async def test_the_tls_handshake_is_a_milestone(serve: Serve, certificate: Certificate) -> None:
    tls = server_context(certificate.cert, certificate.key)
    served = await serve(make_target(), tls=tls)
    client = Client(RequestSpec(f"{served.url}/sse?count=1"), tls=client_context(certificate.cert))
    first, second = await client.exchange(), await client.exchange()
    client.close()
    assert (first.end, second.end) == ("complete", "complete")
    assert first.dialed < first.connected < first.secured < first.sent
    assert (second.dialed, second.connected, second.secured) == (0, 0, 0)


async def test_an_untrusted_certificate(serve: Serve, certificate: Certificate) -> None:
    served = await serve(make_target(), tls=server_context(certificate.cert, certificate.key))
    client = Client(RequestSpec(f"{served.url}/sse?count=1"))
    record = await client.exchange()
    client.close()
    assert record.end == "untrusted"
    assert "certificate" in record.detail
    assert record.connected
    assert not record.secured


async def test_a_server_without_tls_is_untrusted(upstream: RawServer) -> None:
    client = Client(RequestSpec(f"https://127.0.0.1:{upstream.port}/"))

    async def answer() -> None:
        connection = await upstream.accept()
        await connection.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        connection.end()

    async with asyncio.TaskGroup() as group:
        group.create_task(answer())
        record = await client.exchange()
    client.close()
    assert record.end == "untrusted"


async def test_the_name_is_resolved_once(serve: Serve) -> None:
    served = await serve(make_target())
    client = Client(RequestSpec(f"http://localhost:{served.port}/sse?count=1"), fresh=True)
    await client.server.resolve()
    resolving = client.server.resolving
    assert resolving > 0
    records = [await client.exchange() for _ in range(3)]
    client.close()
    assert [record.end for record in records] == ["complete"] * 3
    assert client.server.resolving == resolving


async def test_a_large_request_is_sent_with_its_last_byte(upstream: RawServer) -> None:
    body = b"x" * 20_000_000
    client, record = Client(RequestSpec(upstream.url, "POST", body=body)), Record()
    task = asyncio.create_task(client.run(record))
    connection = await upstream.asked()
    assert record.connected
    assert not record.sent
    await connection.read_until(lambda data: len(data) > len(body), timeout=20)
    await connection.send(HEAD + b"Content-Length: 0\r\n\r\n")
    await task
    client.close()
    assert (record.end, record.connected < record.sent < record.head) == ("complete", True)
