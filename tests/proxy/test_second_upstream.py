"""A handler that uses a second upstream because the first has failed: both are freed."""

import pytest

from streamserver.kit.request import Request
from streamserver.kit.response import Response
from streamserver.proxy.pool import Pool
from streamserver.proxy.proxy import Proxy
from streamserver.proxy.request import RelayedRequest
from streamserver.proxy.settings import PoolLimits
from streamserver.server.exchange import Exchange
from support.hearing import hear_response
from support.inprocess import Serve
from support.leaks import objects
from support.rawserver import RawServer, raw_server
from support.rawsocket import connect, until_end
from support.relaying import chunk, ok
from support.requests import GET
from support.waiting import wait_until

UNAVAILABLE = b"HTTP/1.1 503 -\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk(b"unfinished")
TIMES = 3
ONE = PoolLimits(open=1, idle=0, wait=0.1)
"""A connection that is not freed leaves no room for the next request."""


@pytest.mark.usefixtures("uncollected")
async def test_both_are_freed(serve: Serve, upstream: RawServer) -> None:
    before, pools = len(objects(Exchange, RelayedRequest)), len(objects(Pool))
    async with raw_server() as second:
        proxies = Proxy(upstream.url, pool=ONE), Proxy(second.url, pool=ONE)

        async def handler(request: Request) -> Response:
            response = await proxies[0](request)
            return await proxies[1](request) if response.status == 503 else response

        server = await serve(handler)
        async with connect(server.port) as client:
            for _ in range(TIMES):
                await client.send(GET)
                first = await upstream.asked()
                await first.send(UNAVAILABLE)
                await (await second.asked()).send(ok(b"second"))
                assert (await hear_response(client)).content == b"second"
                assert await until_end(first) == b""
        both = objects(Pool)[pools:]
        assert [pool.open for pool in both if isinstance(pool, Pool)] == [0, 0]
        await wait_until(lambda: len(server.ended) == TIMES)
        server.ended.clear()
        await wait_until(lambda: len(objects(Exchange, RelayedRequest)) == before)


@pytest.mark.usefixtures("uncollected")
async def test_both_connections_are_closed_when_the_client_leaves(
    serve: Serve, upstream: RawServer
) -> None:
    async with raw_server() as second:
        proxies = Proxy(upstream.url), Proxy(second.url)

        async def handler(request: Request) -> Response:
            await proxies[0](request)
            return await proxies[1](request)

        server = await serve(handler)
        async with connect(server.port) as client:
            await client.send(GET)
            first = await upstream.asked()
            await first.send(UNAVAILABLE)
            other = await second.asked()
        for peer in (first, other):
            assert await until_end(peer) == b""
