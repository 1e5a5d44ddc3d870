"""How an exchange ends: each way has its name, and gives the reason."""

import asyncio
import contextlib
import json
import socket
from dataclasses import replace

import pytest

from lab.client.conftest import Measure
from streamserver.lab.client.client import Client
from streamserver.lab.client.connection import Timeouts
from streamserver.lab.client.record import End
from streamserver.lab.client.request import RequestSpec
from streamserver.wire.chunked import LAST_CHUNK, encode
from support.rawserver import RawServer
from support.waiting import wait_until

pytestmark = pytest.mark.both_loops

HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
EVENTS = HEAD + b"Content-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
FIVE = HEAD + b"Content-Length: 5\r\n\r\n"


def events(*data: str) -> bytes:
    """An event stream that ends properly on the wire."""
    return EVENTS + b"".join([encode(f"data: {one}\n\n".encode()) for one in data]) + LAST_CHUNK


def chat(**delta: str) -> str:
    """An event of a chat completion."""
    return json.dumps({"choices": [{"delta": delta}]})


def lines(*data: str) -> bytes:
    """JSON lines that end properly on the wire, the last without a line end."""
    return EVENTS.replace(b"text/event-stream", b"application/x-ndjson") + (
        encode("\n".join(data).encode()) + LAST_CHUNK
    )


def coded(coding: str, *data: str) -> bytes:
    """An event stream with a Content-Encoding."""
    return events(*data).replace(b"\r\n", f"\r\nContent-Encoding: {coding}\r\n".encode(), 1)


TOKENS = (chat(role="assistant"), chat(content="Hi"))
CALLED = '{"choices":[{"delta":{"function_call":{"name":"f"}}}]}'
COMPLETED = '{"type":"response.completed"}'
CUT = '{"delta":{"content":""},"finish_reason":"error"}'
OVERLOADED = '{"id":"x","error":{"message":"overloaded","code":502},"choices":[%s]}'
STOPPED = '{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}'
STOP = '{"type":"message_stop"}'
DELTA = '{"type":"content_block_delta","delta":{"text":"Hi"}}'
TEXT = '{"type":"response.output_text.delta","delta":"Hi"}'


@pytest.mark.parametrize(
    ("answer", "end", "detail"),
    [
        (FIVE + b"12345", "complete", ""),
        (HEAD + b"Content-Length: 0\r\n\r\n", "complete", ""),
        (b"HTTP/1.1 204 No Content\r\n\r\n", "complete", ""),
        (b"HTTP/1.1 103 Early Hints\r\n\r\n" + FIVE + b"12345", "complete", ""),
        (CHUNKED + encode(b"1") + LAST_CHUNK, "complete", ""),
        (events("1", "2"), "complete", ""),
        # Deviations that a recipient must accept.
        (CHUNKED + b"1  \r\n1\r\n0 \r\nHost: a\r\n\r\n", "complete", ""),
        (HEAD + b"X : y\r\n z\r\nContent-Length: 5,5\r\n\r\n12345", "complete", ""),
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno", "refused", ""),
        (b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n", "refused", ""),
        # A model's answer ends with an event.
        (events(*TOKENS, "[DONE]"), "complete", ""),
        (events(*TOKENS), "unfinished", "its last event is not the end of an answer"),
        (events(*TOKENS[:1]), "unfinished", "its last event is not the end of an answer"),
        (events(DELTA, STOP), "complete", ""),
        (events(DELTA), "unfinished", "content_block_delta"),
        (events(TEXT, COMPLETED), "complete", ""),
        (events(TEXT), "unfinished", "response.output_text.delta"),
        (events(*TOKENS, STOPPED), "complete", ""),
        (events(*TOKENS, "[DONE] ", "more"), "complete", ""),
        (events(DELTA, STOP, '{"type":"ping"}', "keepalive"), "complete", ""),
        # A failure in band, in any event stream.
        (events(*TOKENS, '{"error":"no"}', "[DONE]"), "failed", "in band: no"),
        (events('{"error":"no"}', "[DONE]"), "failed", "in band: no"),
        (events(OVERLOADED % CUT, "[DONE]"), "failed", "in band: overloaded"),
        (events(OVERLOADED % "", "[DONE]"), "failed", "in band: overloaded"),
        (events("1", '{"object":"error","message":"no"}'), "failed", "in band: no"),
        (events("1", '{ "error" : {"message": "no"} }'), "failed", "in band: no"),
        (events("1\nevent: error", "2"), "failed", "in band: 1"),
        (events('{"type":"response.failed","response":{"error":{"message":"no"}}}'), "failed",
         "in band: no"),
        # JSON lines.
        (lines('{"response":"Hi","done":false}', '{"done":true,"response":""}'), "complete", ""),
        (lines('{"response":"Hi","done":false}', '{"model":"m","done":true}'), "complete", ""),
        (lines('{"response":"Hi","done":false}'), "unfinished", "is not the end of an answer"),
        (lines('{"n":1}', '{"error":"model requires more memory"}'), "failed",
         "in band: model requires more memory"),
        # Events with a content coding cannot be read.
        (coded("none", "1"), "complete", ""),
        (coded("", *TOKENS), "unfinished", "is not the end of an answer"),
        (coded("gzip", "1"), "encoded", "its events are encoded as gzip"),
        (coded("x-new", "1"), "encoded", "its events are encoded as x-new"),
        (b"HTTP/1.1 301 -\r\nLocation: /there\r\nContent-Length: 0\r\n\r\n", "redirected", "301"),
        (b"HTTP/1.1 308 -\r\nContent-Length: 0\r\n\r\n", "redirected", "it has no Location"),
        (b"HTTP/1.1 304 Not Modified\r\n\r\n", "complete", ""),
        # Invalid HTTP.
        (b"SSH-2.0-OpenSSH_9.2\r\n", "malformed", "it must begin with HTTP/1.1"),
        (CHUNKED + b"zz\r\n", "malformed", "a chunk begins with its size"),
        (CHUNKED + b"1\r\n12\r\n", "malformed", "must be followed by CRLF"),
        (HEAD + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n", "malformed", "values differ"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000, "malformed", "longer than"),
    ],
)  # fmt: skip
async def test_a_complete_or_malformed_response(
    measure: Measure, answer: bytes, end: End, detail: str
) -> None:
    async with measure() as exchange:
        await exchange.connection.send(answer)
        record = await exchange.record()
    assert record.end == end, record.detail
    assert detail in record.detail if detail else not record.detail
    assert "upstream" not in record.detail
    assert bool(record.last_byte) is (end != "malformed")
    assert record.ended >= record.last_byte


STREAM = RequestSpec("http://upstream/", "POST", body=b'{"stream":true}')
CHAT = RequestSpec("http://upstream/", "POST", body=b"{}", chat=True)
EMPTY = b"HTTP/1.1 204 No Content\r\n\r\n"
DOCUMENT = HEAD + b"Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"


@pytest.mark.parametrize(
    ("spec", "answer", "end", "detail"),
    [
        (STREAM, events(*TOKENS, "[DONE]"), "complete", ""),
        (STREAM, events("[DONE]"), "complete", ""),
        (STREAM, EMPTY, "no_stream", "status 204, where a stream was requested"),
        (STREAM, b"HTTP/1.1 304 Not Modified\r\n\r\n", "no_stream", "status 304"),
        (STREAM, DOCUMENT, "no_stream", "status 200 with application/json"),
        (CHAT, events(*TOKENS, "[DONE]"), "complete", ""),
        (CHAT, events(chat(reasoning="Hm"), "[DONE]"), "no_token", "neither token nor tool call"),
        (CHAT, events(chat(refusal="No"), "[DONE]"), "complete", ""),
        (CHAT, events(CALLED, "[DONE]"), "complete", ""),
        (CHAT, EMPTY, "no_stream", "status 204"),
        (CHAT, DOCUMENT, "no_stream", "status 200 with application/json"),
        (CHAT, events(TOKENS[0], STOPPED, "[DONE]"), "no_token", "neither token nor"),
        (CHAT, events("1", "[DONE]"), "no_token", "neither token nor"),
        (CHAT, events(TOKENS[0]), "unfinished", "is not the end of an answer"),
        (CHAT, events('{"error":"no"}'), "failed", "in band: no"),
        (CHAT, b"HTTP/1.1 307 -\r\nContent-Length: 0\r\n\r\n", "redirected", "status 307"),
        (CHAT, b"HTTP/1.1 503 -\r\nContent-Length: 0\r\n\r\n", "refused", ""),
    ],
)
async def test_a_response_that_the_request_does_not_expect(
    upstream: RawServer, measure: Measure, spec: RequestSpec, answer: bytes, end: End, detail: str
) -> None:
    async with measure(replace(spec, url=upstream.url)) as exchange:
        await exchange.connection.send(answer)
        record = await exchange.record()
    assert record.end == end, record.detail
    assert detail in record.detail if detail else not record.detail
    assert record.is_served is (end in ("complete", "unfinished"))


@pytest.mark.parametrize(
    "answer", [events('{"error":"no"}'), events(*TOKENS), coded("gzip", "1"), EMPTY, DOCUMENT]
)
async def test_a_connection_is_reused_whatever_the_verdict(
    upstream: RawServer, answer: bytes
) -> None:
    client = Client(replace(STREAM, url=upstream.url))
    task = asyncio.create_task(client.exchange())
    connection = await upstream.asked()
    await connection.send(answer)
    records = [await task]
    task = asyncio.create_task(client.exchange())
    await connection.read_until(lambda received: received.count(b"\r\n\r\n") == 2)
    await connection.send(answer)
    records.append(await task)
    client.close()
    assert "complete" not in [record.end for record in records]
    assert [bool(record.connected) for record in records] == [True, False]


@pytest.mark.parametrize("how", ["closed", "reset"])
async def test_a_failure_in_band_is_the_reason_of_a_cut_after_it(
    measure: Measure, how: str
) -> None:
    async with measure() as exchange:
        await exchange.connection.send(events('{"error":"no"}')[: -len(LAST_CHUNK)])
        await wait_until(lambda: exchange.seen.events)
        exchange.connection.end() if how == "closed" else exchange.connection.reset()
        record = await exchange.record()
    assert record.end == "failed"
    assert record.detail.startswith("in band: no; then it was ")


async def test_a_finished_record_does_not_change(upstream: RawServer) -> None:
    """On uvloop the rest of an oversized event is delivered before any other task runs."""
    limit, surplus = 16 * 1024 * 1024, 8 * 1024 * 1024

    def answer(sock: socket.socket) -> None:
        with contextlib.suppress(ConnectionError):
            sock.sendall(HEAD + b"Content-Type: text/event-stream\r\n\r\ndata: ")
            sock.sendall(b"x" * (limit + surplus))

    client = Client(RequestSpec(upstream.url))
    task = asyncio.create_task(client.exchange())
    with (await upstream.asked()).sock.dup() as sock:
        sock.setblocking(True)
        await asyncio.to_thread(answer, sock)
        record = await task
    client.close()
    assert record.end == "malformed"
    assert record.detail == f"an event of the stream, or a line of it, exceeds {limit} bytes"
    assert record.size < limit + 600_000  # of two reads


@pytest.mark.parametrize("how", ["closed", "reset"])
@pytest.mark.parametrize(
    ("answer", "closed", "detail"),
    [
        (b"", "unanswered", ""),
        (b"HTTP/1.1 20", "truncated", "within a head"),
        (FIVE, "truncated", "before its body did"),
        (FIVE + b"1234", "truncated", "before its body did"),
        (CHUNKED, "truncated", "before its body did"),
        (CHUNKED + encode(b"1"), "truncated", "before its body did"),
        (CHUNKED + b"5\r\n12", "truncated", "before its body did"),
        (events(*TOKENS)[: -len(LAST_CHUNK)], "truncated", "before its body did"),
        (HEAD + b"\r\n12345", "complete", ""),
    ],
)
async def test_a_response_that_is_cut(
    measure: Measure, answer: bytes, closed: End, detail: str, how: str
) -> None:
    async with measure() as exchange:
        await exchange.connection.send(answer)
        # A reset discards bytes that were not read.
        await wait_until(lambda: not answer or exchange.seen.reads)
        exchange.connection.end() if how == "closed" else exchange.connection.reset()
        record = await exchange.record()
    if how == "closed":
        assert record.end == closed
        assert detail in record.detail
        assert "upstream" not in record.detail
    else:
        assert record.end == ("reset" if answer else "unanswered")
    assert bool(record.last_byte) is (record.end == "complete")


async def test_a_port_without_a_listener() -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        client = Client(RequestSpec(f"http://127.0.0.1:{sock.getsockname()[1]}/"))
        record = await client.exchange()
    client.close()
    assert record.end == "unconnected"
    assert "Connect call failed" in record.detail or "refused" in record.detail
    assert (record.connected, record.sent, record.status) == (0, 0, 0)
    assert record.dialed
    assert record.ended


@pytest.mark.parametrize(
    ("limits", "answer", "end"),
    [
        (Timeouts(first_byte=0.05), b"", "first_byte_timeout"),
        (Timeouts(gap=0.05), b"HTTP/1.1 20", "gap_timeout"),
        (Timeouts(gap=0.05), CHUNKED, "gap_timeout"),
        (Timeouts(gap=0.05), CHUNKED + encode(b"1"), "gap_timeout"),
        (Timeouts(total=0.05), CHUNKED + encode(b"1"), "total_timeout"),
        (Timeouts(total=0.05), b"", "total_timeout"),
    ],
)
async def test_each_timeout(measure: Measure, limits: Timeouts, answer: bytes, end: End) -> None:
    async with measure(timeouts=limits) as exchange:
        await exchange.connection.send(answer)
        record = await exchange.record()
    assert record.end == end
    assert "0.05 s" in record.detail
    assert record.ended - record.sent >= 48_000_000  # uvloop counts in whole milliseconds
    assert not record.last_byte


async def test_a_timeout_stops_when_its_step_is_done(measure: Measure) -> None:
    async with measure(timeouts=Timeouts(first_byte=0.5, gap=30)) as exchange:
        await exchange.connection.send(CHUNKED)
        await wait_until(lambda: exchange.seen.head)
        await asyncio.sleep(0.6)
        await exchange.connection.send(encode(b"1"))
        await wait_until(lambda: exchange.seen.first_byte)
        await exchange.connection.send(LAST_CHUNK)
        assert (await exchange.record()).end == "complete"
