"""A handler that stops waiting for the upstream, and responds by itself."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from streamserver.kit.request import Request
from streamserver.kit.response import Response
from streamserver.proxy.proxy import Proxy
from support.beating import ASK
from support.inprocess import Serve
from support.rawserver import RawServer
from support.rawsocket import connect, until_end
from support.relaying import LAST_CHUNK
from support.waiting import within

WITHIN = 0.2


@pytest.mark.parametrize("heartbeat", [0.0, 60.0])
async def test_the_connection_is_closed_while_the_response_continues(
    serve: Serve, upstream: RawServer, heartbeat: float
) -> None:
    proxy = Proxy(upstream.url, heartbeat=heartbeat)
    patience, over = asyncio.timeout(None), asyncio.Event()

    async def instead() -> AsyncIterator[bytes]:
        yield b"instead"
        await over.wait()

    async def handler(request: Request) -> Response:
        try:
            async with patience:
                return await proxy(request)
        except TimeoutError:
            return Response(instead())

    server = await serve(handler)
    async with connect(server.port) as client:
        await client.send(ASK)
        peer = await upstream.asked()
        patience.reschedule(0)
        await client.read_until(b"instead")
        await within(WITHIN, until_end(peer))
        assert not server.ended
        over.set()
        await client.read_until(LAST_CHUNK)
