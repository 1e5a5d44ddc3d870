"""The key of the chat: only the service receives it, whatever fails."""

import logging
from collections.abc import Callable

import pytest

from streamserver.demo.chat import Chat
from streamserver.observe.accesslog import FORMATS
from streamserver.server.exchange import Exchange
from support.chatting import KEY, make_app, prompting
from support.inprocess import Serve
from support.rawserver import raw_server
from support.rawsocket import RawClient, connect, until_end
from support.relaying import EVENTS_HEAD, LAST_CHUNK, chunk, ok
from support.upstreams import refusing_port
from support.waiting import wait_until

END = b"Connection: close"


def check_secret(received: bytes, caplog: pytest.LogCaptureFixture, exchange: Exchange) -> None:
    """It is in no response and in no log."""
    secret = KEY.removeprefix("sk-")
    logged = [record.exc_text or "" for record in caplog.records]
    lines = [line("now", exchange) for line in FORMATS.values()]
    error = exchange.error
    for shown in (received.decode(), caplog.text, *logged, *lines, str(error), repr(error)):
        assert secret not in shown


def answers(data: bytes) -> Callable[[RawClient], None]:
    """Answer so."""

    def answer(peer: RawClient) -> None:
        peer.sock.send(data)

    return answer


ENDS: dict[str, Callable[[RawClient], None]] = {
    "well": answers(EVENTS_HEAD + chunk(b"data: a\n\n") + LAST_CHUNK),
    "refused": answers(ok(b"{}").replace(b"200 OK", b"401 Unauthorized")),
    "nonsense": answers(b"nonsense\r\n\r\n"),
    "split": answers(b"HTTP/1.1 200 OK\r\nA\0: b\r\n\r\n"),
    "upgraded": answers(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"),
    "a bad chunk": answers(EVENTS_HEAD + chunk(b"data: a\n\n") + b"zz\r\n"),
    "FIN": RawClient.end,
    "RST": RawClient.reset,
}


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
async def test_however_it_ends(
    serve: Serve, caplog: pytest.LogCaptureFixture, end: Callable[[RawClient], None]
) -> None:
    caplog.set_level(logging.DEBUG)
    async with raw_server() as upstream:
        server = await serve(make_app(Chat(upstream.url, KEY)))
        async with connect(server.port) as client:
            await client.send(prompting("hello", END))
            peer = await upstream.asked()
            assert f"Bearer {KEY}".encode() in peer.received
            end(peer)
            received = await until_end(client)
            assert received
            (exchange,) = await wait_until(lambda: server.ended)
    check_secret(received, caplog, exchange)


async def test_an_upstream_without_a_listener(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with refusing_port() as port:
        server = await serve(make_app(Chat(f"http://127.0.0.1:{port}/v1", KEY)))
        async with connect(server.port) as client:
            await client.send(prompting("hello", END))
            received = await until_end(client)
            (exchange,) = await wait_until(lambda: server.ended)
    assert received.startswith(b"HTTP/1.1 502 ")
    check_secret(received, caplog, exchange)


@pytest.mark.parametrize("bad", ["\n", "\r\nX: y", "\0", "é", "\x7f", "\u2028"])
def test_a_key_that_is_none_is_not_repeated(bad: str) -> None:
    with pytest.raises(ValueError, match="the key must be one line") as refused:
        Chat("http://127.0.0.1:1", KEY + bad)
    assert KEY not in str(refused.value)


@pytest.mark.parametrize("form", [repr, str])
def test_the_repr_of_a_chat_does_not_show_it(form: Callable[[object], str]) -> None:
    assert KEY not in form(Chat("http://127.0.0.1:1", KEY))
