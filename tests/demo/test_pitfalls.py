"""The pitfalls: each fails in its own way, and none lasts for ever."""

import h11
import pytest

from streamserver.demo import pitfalls
from streamserver.wire.sse import Parser
from support.asking import ask
from support.inprocess import Served
from support.rawsocket import connect, raw
from support.requests import get

TEXT = "".join(pitfalls.WORDS).encode()


async def test_events_without_their_headers(server: Served) -> None:
    answer = await ask(server, "/pitfalls/unlabelled")
    assert [event.data for event in Parser().feed(answer.body)] == ["0", "1", "2", "3"]
    assert not {"content-type", "cache-control"} & {name for name, _ in answer.headers}


async def test_a_stream_that_is_never_closed_is_cut(
    server: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pitfalls, "HELD", 0.1)
    with pytest.raises(h11.RemoteProtocolError):
        await ask(server, "/pitfalls/unclosed")
    assert [one.outcome for one in server.ended] == ["truncated"]
    assert server.ended[0].bytes_sent == len(TEXT)


async def test_it_stays_open_meanwhile(server: Served) -> None:
    async with connect(server.port) as client:
        await client.send(get(b"/pitfalls/unclosed"))
        await client.read_until(b"have \r\n")
        assert not server.ended


async def test_a_stream_whose_producer_fails_is_cut(server: Served) -> None:
    received = await raw(server.port, get(b"/pitfalls/unhandled"))
    assert received.endswith(b"have \r\n")
    assert [one.outcome for one in server.ended] == ["truncated"]


async def test_a_crowded_stream_is_connected_at_once_and_ends(
    server: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pitfalls, "HELD", 0.01)
    answer = await ask(server, "/pitfalls/crowded")
    assert [event.data for event in Parser().feed(answer.body)] == ["connected"]
    assert [one.outcome for one in server.ended] == ["complete"]
