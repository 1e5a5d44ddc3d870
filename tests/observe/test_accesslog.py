"""One line per exchange: its columns, its escapes, and that a write never blocks."""

import asyncio
import json
import os
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamserver import EventStream, Request, Response, StreamController
from streamserver.observe.accesslog import (
    FORMATS,
    AccessLog,
    Clock,
    LineWriter,
    escape,
    json_line,
    text_line,
)
from streamserver.server.exchange import Exchange
from streamserver.server.observer import Observer
from streamserver.server.phase import Outcome
from support.rawsocket import raw
from support.waiting import wait_until

NOW = "2026-11-22T16:51:05.123Z"
PIPE_BUF = 4096
CONTROLS = '\0\n\r\x1b\x7f\x9b"\\ aé\u2028\u202e\u200b\ud800'
HOSTILE = st.text(max_size=20) | st.text(st.sampled_from(CONTROLS))


@pytest.fixture
async def exchange(serve: Any) -> Exchange:
    """One that has ended, with figures that are known."""

    async def handler(request: Request) -> Response:
        return Response("hello")

    server = await serve(handler)
    await raw(server.port, b"GET /path?q=1 HTTP/1.0\r\n\r\n")
    ended: Exchange
    (ended,) = await wait_until(lambda: server.ended)
    ended.status = 200
    ended.bytes_sent = 5
    ended.started, ended.first_byte, ended.ended = 100.0, 100.00125, 103.5
    return ended


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reader, writer = os.pipe()
    yield reader, writer
    for descriptor in (reader, writer):
        try:
            os.close(descriptor)
        except OSError:
            assert descriptor == reader, "the log closed what is not its own"


def parsed(exchange: Exchange) -> Any:
    return json.loads(json_line(NOW, exchange))


def asked(exchange: Exchange, method: str, target: str) -> None:
    """Replace the method and the target of an exchange."""
    exchange.head = exchange.head._replace(method=method, target=target)


async def test_a_line_of_text(exchange: Exchange) -> None:
    line = text_line(NOW, exchange)
    assert line == f"{NOW} {exchange.client} GET /path?q=1 200 5 1.25 3500.00 complete\n"


async def test_a_line_of_json(exchange: Exchange) -> None:
    assert parsed(exchange) == {
        "time": NOW,
        "client": exchange.client,
        "method": "GET",
        "target": "/path?q=1",
        "status": 200,
        "bytes": 5,
        "first_byte_ms": 1.25,
        "total_ms": 3500.0,
        "outcome": "complete",
        "route": None,
        "user_agent": None,
        "request_id": None,
        "trace_id": None,
    }


def sent(exchange: Exchange, *fields: tuple[str, str]) -> None:
    """Replace the fields of the request of an exchange."""
    exchange.head = exchange.head._replace(fields=list(fields))


async def test_json_has_the_route_the_user_agent_and_the_ids(exchange: Exchange) -> None:
    exchange.route, exchange.id = "/path", 'a"b'
    trace = "0af7651916cd43dd8448eb211c80319c"
    sent(exchange, ("user-agent", "a/1 (b)"), ("traceparent", f"00-{trace}-b7ad6b7169203331-01"))
    found = parsed(exchange)
    assert (found["route"], found["user_agent"]) == ("/path", "a/1 (b)")
    assert (found["request_id"], found["trace_id"]) == ('a"b', trace)


async def test_text_ends_with_the_id(exchange: Exchange) -> None:
    exchange.attributes, exchange.id = (("a", "b"),), 'a"b'
    assert text_line(NOW, exchange).endswith(" complete a=b request_id=a\\x22b\n")


TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
TRACES = {
    f"00-{TRACE}-{SPAN}-01": TRACE,
    f"00-{TRACE}-{SPAN}-ff": TRACE,
    f"cc-{TRACE}-{SPAN}-01": TRACE,  # a later version may have more
    f"cc-{TRACE}-{SPAN}-01-what-comes": TRACE,
    f"00-{TRACE}-{SPAN}-01-": None,
    f"00-{TRACE}-{SPAN}-01-x": None,
    f"cc-{TRACE}-{SPAN}-01.what": None,
    f"ff-{TRACE}-{SPAN}-01": None,
    f"00-{'0' * 32}-{SPAN}-01": None,
    f"00-{TRACE}-{'0' * 16}-01": None,
    f"00-{TRACE.upper()}-{SPAN}-01": None,
    f"00-{TRACE[1:]}-{SPAN}-01": None,
    f"{TRACE}-{SPAN}-01": None,
    "": None,
}


@pytest.mark.parametrize(("value", "trace"), TRACES.items(), ids=TRACES)
async def test_the_id_of_a_trace(exchange: Exchange, value: str, trace: str | None) -> None:
    """W3C Trace Context, section 3.2; there may only be one."""
    sent(exchange, ("traceparent", value))
    assert parsed(exchange)["trace_id"] == trace
    sent(exchange, ("traceparent", value), ("traceparent", f"00-{TRACE}-{SPAN}-01"))
    assert value == "" or parsed(exchange)["trace_id"] is None


@pytest.mark.parametrize(("form", "left"), [("text", []), ("json", ["traceparent", "user-agent"])])
async def test_fields_that_a_stream_keeps(
    serve: Any, pipe: tuple[int, int], form: str, left: list[str]
) -> None:
    async def handler(request: Request) -> Response:
        stream = StreamController()
        asyncio.get_running_loop().call_soon(stream.close)
        return EventStream(stream)

    server = await serve(handler, observers=[AccessLog(pipe[1], form), Observer()])
    fields = b"Host: a\r\nUser-Agent: a/1\r\nTraceparent: x\r\nConnection: close"
    await raw(server.port, b"GET / HTTP/1.1\r\n%b\r\n\r\n" % fields)
    (ended,) = await wait_until(lambda: server.ended)
    assert sorted(name for name, _ in ended.head.fields) == left
    line = os.read(pipe[0], PIPE_BUF).decode()
    assert form == "text" or json.loads(line)["user_agent"] == "a/1"


async def test_what_there_was_not(exchange: Exchange) -> None:
    exchange.status = exchange.bytes_sent = 0
    exchange.first_byte = 0.0
    exchange.outcome = Outcome.CLIENT_GONE
    assert text_line(NOW, exchange).endswith(" - 0 - 3500.00 client_gone\n")
    assert parsed(exchange)["status"] is None
    assert parsed(exchange)["first_byte_ms"] is None
    assert parsed(exchange)["outcome"] == "client_gone"


@pytest.mark.parametrize(
    ("raw_text", "escaped"),
    [
        ("/plain?a=b&c=%20#~[]", "/plain?a=b&c=%20#~[]"),
        ('"', r"\x22"),
        ("\\", r"\\"),
        (" ", r"\x20"),
        ("\r\n", r"\r\n"),
        ("\0\t\x1b[31m\x7f", r"\x00\t\x1b[31m\x7f"),
        ("\x85\x9b\xa0\xe9", r"\x85\x9b\xa0\xe9"),
        ("\u2028\U0001f600", r"\u2028\U0001f600"),
        ("\udc80", r"\udc80"),
    ],
)
def test_escape(raw_text: str, escaped: str) -> None:
    assert escape(raw_text) == escaped


async def test_whatever_a_client_sends_a_line_is_one_line(exchange: Exchange) -> None:
    @given(method=HOSTILE.filter(bool), target=HOSTILE.filter(bool))
    def holds(method: str, target: str) -> None:
        asked(exchange, method, target)
        for line in (text_line(NOW, exchange), json_line(NOW, exchange)):
            assert line.isascii()
            assert line[:-1].isprintable()
            assert line[-1] == "\n"
        assert len(text_line(NOW, exchange).split(" ")) == 9
        assert parsed(exchange)["target"] == target

    holds()


async def test_any_user_agent_is_in_one_line(exchange: Exchange) -> None:
    @given(agent=HOSTILE, route=HOSTILE)
    def holds(agent: str, route: str) -> None:
        sent(exchange, ("user-agent", agent))
        exchange.route = route
        line = json_line(NOW, exchange)
        assert line.isascii()
        assert line[:-1].isprintable()
        found = parsed(exchange)
        assert (found["user_agent"], found["route"]) == (agent or None, route or None)

    holds()


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("character", ["a", "\0", '"', "\xff"])
async def test_a_line_fits_in_one_atomic_write(
    exchange: Exchange, form: str, character: str
) -> None:
    asked(exchange, character * 9000, character * 9000)
    sent(exchange, ("user-agent", character * 9000), ("traceparent", character * 9000))
    exchange.route, exchange.id = character * 9000, '"' * 128
    exchange.attributes = (
        *(("connect_ms", 12345678.91), ("upstream_ms", 12345678.91)),
        *(("upstream_request_id", '"' * 128), ("queue_ms", 12345678.91)),
    )
    exchange.bytes_sent = 10**15
    line = FORMATS[form](NOW, exchange)
    assert len(line) <= PIPE_BUF
    assert "..." in line


@pytest.mark.parametrize("form", FORMATS)
async def test_a_line_can_be_read_at_once(
    exchange: Exchange, pipe: tuple[int, int], form: str
) -> None:
    reader, writer = pipe
    AccessLog(writer, form).ended(exchange)
    line = os.read(reader, PIPE_BUF).decode()
    assert line.endswith("\n")
    assert "/path?q=1" in line


def test_a_slow_reader_costs_lines_but_never_time(
    pipe: tuple[int, int], caplog: pytest.LogCaptureFixture
) -> None:
    reader, writer = pipe
    lines = LineWriter(writer)
    count = 0
    while not caplog.records:
        lines.write(f"{count}\n".rjust(100))
        count += 1
    lines.write("lost too\n")
    os.read(reader, 2**20)
    lines.write("back\n")
    assert os.read(reader, PIPE_BUF) == b"back\n"
    lines.write("again\n")
    assert [record.getMessage() for record in caplog.records] == [
        "access log: lines are dropped: its reader is too slow",
        "access log: 2 lines were dropped",
    ]


def test_a_reader_that_is_gone_is_logged_once(
    pipe: tuple[int, int], caplog: pytest.LogCaptureFixture
) -> None:
    reader, writer = pipe
    os.close(reader)
    lines = LineWriter(writer)
    lines.write("one\n")
    lines.write("two\n")
    (record,) = caplog.records
    assert "Broken pipe" in record.getMessage()


def test_the_clock() -> None:
    clock = Clock()
    for now, stamp in (
        (0, "1970-01-01T00:00:00.000Z"),
        (0.999, "1970-01-01T00:00:00.999Z"),
        (0.9999, "1970-01-01T00:00:00.999Z"),
        (1.0, "1970-01-01T00:00:01.000Z"),
        (1795366265.5, "2026-11-22T16:51:05.500Z"),
        (1.25, "1970-01-01T00:00:01.250Z"),
    ):
        assert clock.stamp(now) == stamp
