"""An upstream that resets its connection during an upload: what the client receives."""

import asyncio
import socket
from collections.abc import Callable

import pytest

from support.hearing import hear_response
from support.kernel import unread
from support.loops import Run
from support.rawsocket import RawClient
from support.relaying import chunk, ok
from support.requests import chunked, post
from support.stage import staged
from support.waiting import wait_until

REFUSAL = b"HTTP/1.1 413 -\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig"
PIECES = 20
GOING: dict[str, Callable[[RawClient], object]] = {
    "FIN": lambda peer: peer.sock.close(),
    "RST": RawClient.reset,
}


@pytest.mark.parametrize("go", GOING.values(), ids=GOING)
def test_a_pooled_connection_that_dies_under_an_upload_is_a_502(
    run: Run, go: Callable[[RawClient], object]
) -> None:
    """A piece of the body arrives in each iteration of the loop, also after the reset."""

    async def main(loop: asyncio.AbstractEventLoop) -> None:
        async with staged() as at:
            client, peer = await at.ask()
            client.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await peer.send(ok(b"first"))
            assert (await hear_response(client)).content == b"first"
            await at.has_ended(1)
            await client.send(chunked(b"piece", end=b""))
            await peer.read_until(b"piece")
            go(peer)
            for _ in range(PIECES):
                client.sock.send(chunk(b"piece"))
                await asyncio.sleep(0)
            assert (await hear_response(client, "POST")).status == 502

    run(main)


def test_an_answer_before_the_reset_reaches_the_client(run: Run) -> None:
    """Though a write reports the reset before the response was read."""

    async def main(loop: asyncio.AbstractEventLoop) -> None:
        async with staged() as at:
            client = await at.begin(post(b"", length=10**6))
            client.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            peer = await at.upstream.asked()
            await client.send(b"unread")
            await wait_until(lambda: unread(peer.sock.fileno()))
            client.sock.send(b"piece")
            peer.sock.send(REFUSAL)
            peer.sock.close()
            for _ in range(PIECES):
                client.sock.send(b"piece")
                await asyncio.sleep(0)
            response = await hear_response(client, "POST")
            assert (response.status, response.content) == (413, b"big")

    run(main)
