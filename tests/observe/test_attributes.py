"""The attributes that a handler sets: at the end of its exchange's line, as names and values."""

import json
from typing import Any

import pytest

from streamserver import Request, Response
from streamserver.observe.accesslog import FORMATS, json_line, text_line
from streamserver.server.exchange import Exchange
from support.inprocess import Serve
from support.rawsocket import raw
from support.requests import LAST
from support.waiting import wait_until

NOW = "2026-11-22T16:51:05.123Z"
ATTRIBUTES = [
    ((), "", {}),
    ((("connect", "reused"),), " connect=reused", {"connect": "reused"}),
    (
        (("connect_ms", 0.25), ("upstream_ms", 12.0)),
        " connect_ms=0.25 upstream_ms=12.0",
        {"connect_ms": 0.25, "upstream_ms": 12.0},
    ),
    # A value may come from a client: it stays one column, or one JSON string.
    ((("a", 'x y="z"\r\n\x1b'),), r" a=x\x20y=\x22z\x22\r\n\x1b", {"a": 'x y="z"\r\n\x1b'}),
]


async def ended_with(serve: Serve, attributes: tuple[tuple[str, float | str], ...]) -> Exchange:
    """An exchange that has ended, whose handler set these attributes."""

    async def handler(request: Request) -> Response:
        request.exchange.attributes = attributes
        return Response("hello")

    server = await serve(handler)
    await raw(server.port, LAST)
    return (await wait_until(lambda: server.ended))[0]


@pytest.mark.parametrize(("attributes", "text", "members"), ATTRIBUTES)
async def test_attributes_follow_the_fixed_columns(
    serve: Serve,
    attributes: tuple[tuple[str, float | str], ...],
    text: str,
    members: dict[str, Any],
) -> None:
    exchange = await ended_with(serve, attributes)
    assert text_line(NOW, exchange).endswith(f" complete{text}\n")
    parsed = json.loads(json_line(NOW, exchange))
    assert {name: parsed[name] for name in list(parsed)[13:]} == members
    for line in (text_line(NOW, exchange), json_line(NOW, exchange)):
        assert line[:-1].isascii()
        assert line[:-1].isprintable()


@pytest.mark.parametrize("form", FORMATS)
async def test_a_line_with_attributes_fits_in_one_atomic_write(serve: Serve, form: str) -> None:
    exchange = await ended_with(serve, (("connect_ms", 12345678.91), ("upstream_ms", 12345678.91)))
    exchange.head = exchange.head._replace(method="\xff" * 9000, target="\xff" * 9000)
    assert len(FORMATS[form](NOW, exchange)) <= 4096
