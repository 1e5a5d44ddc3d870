"""A body that the handler has read is not relayed as an empty one."""

import pytest

from streamserver.kit.request import Request
from streamserver.kit.response import Response
from streamserver.proxy.proxy import Proxy
from support.hearing import hear_request
from support.inprocess import Serve
from support.problems import problem
from support.rawserver import RawServer
from support.rawsocket import connect
from support.relaying import ok
from support.requests import GET, chunked, post
from support.upstreams import has_caller


async def read_all(request: Request) -> None:
    """Read all of the body."""
    await request.body()


async def read_some(request: Request) -> None:
    """Read a piece of the body."""
    assert request.exchange.body is not None
    await anext(request.exchange.body)


SENT = {
    "a length": post(b"hello"),
    "chunks": chunked(b"hel", b"lo"),
    "half of it": post(b"hello", length=10),
}


@pytest.mark.parametrize("sent", SENT.values(), ids=SENT)
async def test_it_is_an_error_of_the_handler(
    serve: Serve, upstream: RawServer, sent: bytes
) -> None:
    proxy = Proxy(upstream.url)

    async def handler(request: Request) -> Response:
        await (read_some if sent is SENT["half of it"] else read_all)(request)
        return await proxy(request)

    server = await serve(handler)
    async with connect(server.port) as client:
        await client.send(sent)
        assert (await problem(client))[0] == 500
    assert not has_caller(upstream)
    error = server.ended[0].error
    assert isinstance(error, RuntimeError)
    assert "was taken before" in str(error)


@pytest.mark.parametrize("sent", [GET, post(b""), chunked()], ids=["none", "a length", "chunks"])
async def test_an_empty_body_can_be_read_before(
    serve: Serve, upstream: RawServer, sent: bytes
) -> None:
    proxy = Proxy(upstream.url)

    async def handler(request: Request) -> Response:
        await read_all(request)
        return await proxy(request)

    server = await serve(handler)
    async with connect(server.port) as client:
        await client.send(sent)
        peer = await upstream.accept()
        assert (await hear_request(peer)).content == b""
        await peer.send(ok(b"thanks"))
        await client.read_until(b"thanks")
