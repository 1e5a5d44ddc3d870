"""An upstream that cannot be reached, or that closes before it responds: a problem document."""

from collections.abc import Callable

import pytest

from streamserver.proxy.proxy import Proxy
from streamserver.proxy.settings import PoolLimits
from support.inprocess import Serve
from support.limits import no_descriptor_left
from support.problems import INJECTED, problem, refused
from support.rawsocket import RawClient, connect
from support.relaying import ok
from support.requests import GET, chunked, post
from support.stage import staged
from support.upstreams import refusing_port

SENT = {"GET": GET, "POST": post(b"body"), "upload": chunked(b"piece", end=b"")}
sending = pytest.mark.parametrize("sent", SENT.values(), ids=SENT)
NO_SUCH_NAME = ".".join(["long" * 15] * 5)
"""Longer than a name in the DNS can be, so no look-up is made."""


@sending
async def test_refused(sent: bytes) -> None:
    with refusing_port() as port:
        async with staged(port=port, inject=INJECTED) as at:
            answer = await problem(await at.begin(sent))
    assert answer == (502, "the upstream refused the connection")


@pytest.mark.parametrize("host", [NO_SUCH_NAME, "a..b"], ids=["no such name", "no name"])
async def test_a_name_that_is_not_found(host: str, caplog: pytest.LogCaptureFixture) -> None:
    async with staged(host=host, inject=INJECTED) as at:
        answer = await problem(await at.begin(GET))
    assert answer == (502, "the upstream cannot be reached")


@pytest.mark.parametrize("name", ["missing.sock", "file", "", "x" * 200])
async def test_a_unix_socket_without_a_listener(
    serve: Serve, name: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("upstream")
    (folder / "file").touch()
    server = await serve(Proxy(f"unix:{folder / name}", inject=INJECTED))
    async with connect(server.port) as client:
        status, _ = await refused(client)
    assert status == 502


GOING: dict[str, Callable[[RawClient], object]] = {
    "FIN": lambda peer: peer.sock.close(),
    "RST": RawClient.reset,
}


@sending
@pytest.mark.parametrize("go", GOING.values(), ids=GOING)
@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 200 OK\r\nX: "], ids=["nothing", "half a head"])
async def test_gone_before_the_head(
    sent: bytes, go: Callable[[RawClient], object], said: bytes
) -> None:
    async with staged(inject=INJECTED) as at:
        client = await at.begin(sent)
        peer = await at.upstream.asked()
        if said:
            await peer.send(said)
        go(peer)
        status, detail = await problem(client)
    assert status == 502
    assert "the upstream" in detail


async def test_gone_before_the_request() -> None:
    async with staged(inject=INJECTED) as at:
        client = await at.begin(GET)
        (await at.upstream.accept()).reset()
        assert (await problem(client))[0] == 502


async def test_after_a_problem_the_next_request_is_served() -> None:
    async with staged(pool=PoolLimits(open=1)) as at:
        client = await at.begin(GET)
        for _ in range(3):
            (await at.upstream.asked()).reset()
            assert (await problem(client))[0] == 502
            client.received = b""
            await client.send(GET)
        await (await at.upstream.asked()).send(ok(b"served"))
        await client.read_until(b"served")


# --- no descriptor is left ----------------------------------------------------------------------


async def test_without_a_descriptor_the_relay_is_busy() -> None:
    async with staged(inject=INJECTED, pool=PoolLimits(open=1)) as at:
        client = await at.client()
        await client.send(GET)
        peer = await at.upstream.asked()
        await peer.send(ok(b"first", b"Connection: close"))
        await client.read_until(b"first")
        peer.sock.close()
        with no_descriptor_left():
            status, detail = await refused(client)
        assert status == 503
        assert "descriptor" in detail
        assert b"\r\nretry-after: 1\r\n" in client.received
        assert b"\r\nconnection: close\r\n" in client.received
        other = await at.begin(GET)
        await (await at.upstream.asked()).send(ok(b"again"))
        await other.read_until(b"again")
