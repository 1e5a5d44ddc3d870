"""A relay that stops: the connections to its upstream are closed with its listener."""

import asyncio

import pytest

from streamserver.proxy.proxy import Proxy
from support.inprocess import Serve, Served
from support.rawserver import RawServer
from support.rawsocket import RawClient, connect, until_end
from support.relaying import CHUNKED_HEAD, LAST_CHUNK, StartRelay, chunk, ok
from support.requests import GET
from support.upstreams import has_caller


async def pooled(server: Served, upstream: RawServer) -> RawClient:
    """The upstream's end of an idle connection."""
    async with connect(server.port) as client:
        await client.send(GET)
        peer = await upstream.asked()
        await peer.send(ok(b"answer"))
        await client.read_until(b"answer")
    return peer


async def test_idle_connections_close_with_the_listener(
    relay: StartRelay, upstream: RawServer
) -> None:
    server = await relay()
    peer = await pooled(server, upstream)
    await server.stop()
    await until_end(peer)


async def test_a_response_may_end_within_the_grace_period(
    relay: StartRelay, upstream: RawServer
) -> None:
    server = await relay()
    async with connect(server.port) as client:
        await client.send(GET)
        peer = await upstream.asked()
        await peer.send(CHUNKED_HEAD + chunk(b"piece"))
        await client.read_until(b"piece")
        stopping = asyncio.create_task(server.stop(grace=20))
        await asyncio.sleep(0)
        await peer.send(chunk(b"last") + LAST_CHUNK)
        assert (await client.read_until()).endswith(b"last\r\n" + LAST_CHUNK)
        await stopping
        await until_end(peer)


@pytest.mark.parametrize("said", [b"", CHUNKED_HEAD + chunk(b"piece")], ids=["silent", "flowing"])
async def test_a_response_that_does_not_end_is_cut_on_both_sides(
    relay: StartRelay, upstream: RawServer, said: bytes
) -> None:
    server = await relay()
    async with connect(server.port) as client:
        await client.send(GET)
        peer = await upstream.asked()
        if said:
            await peer.send(said)
            await client.read_until(b"piece")
        await server.stop(grace=0.01)
        await until_end(peer)
        with pytest.raises(ConnectionResetError):
            await client.read_until()


async def test_listeners_that_share_a_proxy_have_connections_of_their_own(
    serve: Serve, upstream: RawServer
) -> None:
    proxy = Proxy(upstream.url)
    servers = [await serve(proxy), await serve(proxy)]
    peers = [await pooled(server, upstream) for server in servers]
    await servers[0].stop()
    await until_end(peers[0])
    async with connect(servers[1].port) as client:
        await client.send(GET)
        await peers[1].read_until(lambda got: got.count(b"\r\n\r\n") == 2)
        await peers[1].send(ok(b"still here"))
        await client.read_until(b"still here")
    assert not has_caller(upstream)
