"""Events as they arrive: their headers, one chunk for each, and none that could be forged."""

from collections.abc import Callable
from typing import Any

import pytest

from streamserver.kit.events import EventStream
from streamserver.kit.request import Request
from streamserver.kit.response import Response
from streamserver.kit.stream import StreamController
from streamserver.wire.chunked import LAST_CHUNK
from streamserver.wire.sse import Event
from support.answers import chunks, content
from support.handlers import answering
from support.inprocess import Serve
from support.producers import pulled
from support.rawsocket import raw
from support.requests import GET

ITEMS = [Event("one", id=1), {"count": 2}, "three\nlines", Event("four", event="tick", retry=7)]
BYTES = (
    b'id: 1\ndata: one\n\ndata: {"count":2}\n\ndata: three\ndata: lines\n\n'
    b"event: tick\nretry: 7\ndata: four\n\n"
)


def pushed(*items: Any) -> StreamController:
    stream = StreamController()
    for item in items:
        stream.enqueue(item)
    stream.close()
    return stream


async def test_the_headers_that_people_forget(serve: Serve) -> None:
    server = await serve(answering(lambda: EventStream(pulled())))
    head = (await raw(server.port, GET, until=LAST_CHUNK)).partition(b"\r\n\r\n")[0]
    for line in (
        *(b"HTTP/1.1 200 OK", b"content-type: text/event-stream", b"transfer-encoding: chunked"),
        *(b"cache-control: no-cache, no-transform", b"x-accel-buffering: no"),
    ):
        assert line in head.split(b"\r\n")


def test_headers_and_status_that_a_handler_sets() -> None:
    given = {"Content-Type": "text/event-stream; charset=utf-8", "X-Accel-Buffering": "yes"}
    stream = EventStream(pulled(), status=201, headers=given)
    assert stream.status == 201
    assert stream.headers.get_all("content-type") == ["text/event-stream; charset=utf-8"]
    assert stream.headers.get_all("x-accel-buffering") == ["yes"]


@pytest.mark.parametrize("body", [pulled, pushed])
@pytest.mark.parametrize("heartbeat", [0, None])
async def test_each_event_is_one_chunk(
    serve: Serve, body: Callable[..., Any], heartbeat: float | None
) -> None:
    """Switched off or not needed, heartbeats leave the bytes as they are."""
    server = await serve(answering(lambda: EventStream(body(*ITEMS), heartbeat=heartbeat)))
    received = await raw(server.port, GET, until=LAST_CHUNK)
    assert content(received) == BYTES
    assert len(chunks(received)) == len(ITEMS)


async def test_a_handler_is_told_where_its_client_left_off(serve: Serve) -> None:
    async def handler(request: Request) -> Response:
        return EventStream(pulled(Event(f"after {request.last_event_id}")))

    server = await serve(handler)
    sent = GET.replace(b"Host: a", b"Host: a\r\nLast-Event-ID: 41")
    assert b"data: after 41\n\n" in await raw(server.port, sent, until=LAST_CHUNK)


@pytest.mark.parametrize("body", [pulled, pushed])
@pytest.mark.parametrize("retry", [0, 3000])
async def test_the_time_to_reconnect_is_told_once_and_first(
    serve: Serve, body: Callable[..., Any], retry: int
) -> None:
    server = await serve(answering(lambda: EventStream(body("one", "two"), retry=retry)))
    for _ in range(2):
        received = await raw(server.port, GET, until=LAST_CHUNK)
        assert content(received) == b"retry: %d\n\ndata: one\n\ndata: two\n\n" % retry


@pytest.mark.parametrize("retry", [-1, 1.5, True, "3000"])
def test_a_retry_is_whole_milliseconds(retry: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        EventStream(pulled(), retry=retry)


@pytest.mark.parametrize("heartbeat", [-1, -0.001, float("nan")])
def test_a_heartbeat_is_zero_or_more(heartbeat: float) -> None:
    with pytest.raises(ValueError, match="0 or more"):
        EventStream(pulled(), heartbeat=heartbeat)


@pytest.mark.parametrize(
    "item",
    [
        *(Event("x", event=f"a{end}data: forged") for end in ("\n", "\r", "\r\n")),
        *(Event("x", id=f"a{end}b") for end in ("\n", "\r", "\0")),
        Event("x", retry=-1),
        Event(),
        None,
        pytest.param(object(), id="object"),
        float("nan"),
        "\ud800",
    ],
    ids=str,
)
async def test_an_event_that_would_forge_another_is_not_sent(serve: Serve, item: object) -> None:
    """No part of it is sent, and the stream is cut."""
    server = await serve(answering(lambda: EventStream(pulled("sound", item, "after"))))
    received = await raw(server.port, GET)
    assert content(received) == b"data: sound\n\n"
    assert LAST_CHUNK not in received
    server = await serve(answering(lambda: EventStream(pulled(item))))
    received = await raw(server.port, GET, until=lambda got: b"\r\n\r\n" in got)
    assert received.startswith(b"HTTP/1.1 500 ")
    assert b"forged" not in received
