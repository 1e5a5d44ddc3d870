"""How an exchange ended: each way has its name, and says what was wrong."""

import asyncio
import json
import socket

import pytest

from lab.client.conftest import Measure
from streamserver.lab.client.client import Ask, Client
from streamserver.lab.client.record import End
from streamserver.lab.client.timeouts import Timeouts
from streamserver.wire.chunked import LAST_CHUNK, encode
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


TOKENS = (chat(role="assistant"), chat(content="Hi"))
COMPLETED = '{"type":"response.completed"}'
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
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno", "refused", ""),
        (b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n", "refused", ""),
        # A model's answer has an end of its own.
        (events(*TOKENS, "[DONE]"), "complete", ""),
        (events(*TOKENS), "unfinished", "its last event is not the end of an answer"),
        (events(*TOKENS[:1]), "unfinished", "its last event is not the end of an answer"),
        (events(DELTA, STOP), "complete", ""),
        (events(DELTA), "unfinished", "content_block_delta"),
        (events(TEXT, COMPLETED), "complete", ""),
        (events(TEXT), "unfinished", "response.output_text.delta"),
        (events(*TOKENS, '{"error":"no"}', "[DONE]"), "unfinished", 'tells of an error: {"error"'),
        (events('{"error":"no"}', "[DONE]"), "unfinished", "tells of an error"),
        # What is no HTTP.
        (b"SSH-2.0-OpenSSH_9.2\r\n", "malformed", "it must begin with HTTP/1.1"),
        (CHUNKED + b"zz\r\n", "malformed", "a chunk begins with its size"),
        (CHUNKED + b"1\r\n12\r\n", "malformed", "must be followed by CRLF"),
        (HEAD + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n", "malformed", "twice"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000, "malformed", "longer than"),
    ],
)
async def test_an_answer_that_is_whole_or_wrong(
    measure: Measure, answer: bytes, end: End, detail: str
) -> None:
    async with measure() as exchange:
        await exchange.connection.send(answer)
        record = await exchange.record()
    assert record.end == end, record.detail
    assert detail in record.detail if detail else not record.detail
    assert bool(record.last_byte) is (end != "malformed")
    assert record.ended >= record.last_byte


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
async def test_an_answer_that_is_cut(
    measure: Measure, answer: bytes, closed: End, detail: str, how: str
) -> None:
    async with measure() as exchange:
        await exchange.connection.send(answer)
        # What has come and was not read, a reset takes back.
        await wait_until(lambda: not answer or exchange.seen.reads)
        exchange.connection.end() if how == "closed" else exchange.connection.reset()
        record = await exchange.record()
    if how == "closed":
        assert record.end == closed
        assert detail in record.detail
    else:
        assert record.end == ("reset" if answer else "unanswered")
    assert bool(record.last_byte) is (record.end == "complete")


async def test_nobody_listens() -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        client = Client(Ask(f"http://127.0.0.1:{sock.getsockname()[1]}/"))
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
async def test_each_wait_has_its_limit(
    measure: Measure, limits: Timeouts, answer: bytes, end: End
) -> None:
    async with measure(timeouts=limits) as exchange:
        await exchange.connection.send(answer)
        record = await exchange.record()
    assert record.end == end
    assert "0.05 s" in record.detail
    assert record.ended - record.sent >= 48_000_000  # uvloop counts in whole milliseconds
    assert not record.last_byte


async def test_a_limit_that_was_kept_does_not_pass_later(measure: Measure) -> None:
    async with measure(timeouts=Timeouts(first_byte=0.5, gap=30)) as exchange:
        await exchange.connection.send(CHUNKED)
        await wait_until(lambda: exchange.seen.head)
        await asyncio.sleep(0.6)
        await exchange.connection.send(encode(b"1"))
        await wait_until(lambda: exchange.seen.first_byte)
        await exchange.connection.send(LAST_CHUNK)
        assert (await exchange.record()).end == "complete"
