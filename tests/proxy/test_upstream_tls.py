"""Upstreams over TLS: verified, with SNI, and relayed like any other."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import pytest

from streamserver.kit.request import Request
from streamserver.kit.response import Response
from streamserver.proxy.origin import client_context
from streamserver.proxy.proxy import Proxy
from streamserver.server.phase import Outcome
from support.answers import content
from support.certificates import Certificate
from support.inprocess import Serve, Served
from support.problems import INJECTED, SECRET, refused
from support.rawserver import RawServer
from support.rawsocket import RawClient, connect, raw
from support.relaying import LAST_CHUNK
from support.requests import GET, LAST, post

INVALID = (502, "the upstream's certificate is not valid")


@dataclass(slots=True)
class Secure:
    """An upstream with TLS that echoes the request, and the names that were sent by SNI."""

    server: Served
    names: list[str | None] = field(default_factory=list)

    def url(self, host: str = "127.0.0.1") -> str:
        return f"https://{host}:{self.server.port}/base"


async def echo(request: Request) -> Response:
    """Answers with target, Host and body of the request, piece by piece."""

    async def pieces() -> AsyncIterator[bytes]:
        yield f"{request.target} {request.headers['host']} ".encode()
        yield await request.body()

    return Response(pieces())


@pytest.fixture
async def secure(serve: Serve, certificate: Certificate) -> Secure:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    upstream = Secure(await serve(echo, tls=context))
    context.sni_callback = lambda _, name, __: upstream.names.append(name)
    return upstream


async def test_an_upstream_whose_certificate_is_valid(
    secure: Secure, serve: Serve, certificate: Certificate
) -> None:
    server = await serve(Proxy(secure.url(), tls=client_context(certificate.cert)))
    async with connect(server.port) as client:
        for number in range(3):
            await client.send(post(b"body", target=b"/%d" % number))
            expected = content(await client.read_until(LAST_CHUNK))
            assert expected == b"/base/%d 127.0.0.1:%d body" % (number, secure.server.port)
            client.received = b""
    assert secure.names == [None]  # one connection; and an address is no name to ask for


async def test_the_name_of_the_upstream_is_sent_by_sni(
    secure: Secure, serve: Serve, certificate: Certificate
) -> None:
    context = client_context(certificate.cert)
    context.check_hostname = False
    server = await serve(Proxy(secure.url("localhost"), tls=context))
    assert b" localhost:%d " % secure.server.port in await raw(server.port, LAST)
    assert secure.names == ["localhost"]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_a_certificate_of_an_untrusted_authority(
    secure: Secure, serve: Serve, host: str
) -> None:
    server = await serve(Proxy(secure.url(host), inject=INJECTED))
    async with connect(server.port) as client:
        assert await refused(client) == INVALID
    assert secure.server.ended == []


async def test_a_certificate_for_another_name(
    secure: Secure, serve: Serve, certificate: Certificate
) -> None:
    proxy = Proxy(secure.url("localhost"), tls=client_context(certificate.cert), inject=INJECTED)
    server = await serve(proxy)
    async with connect(server.port) as client:
        assert await refused(client) == INVALID
    assert secure.server.ended == []


SPOKEN: dict[str, Callable[[RawClient], object]] = {
    "HTTP": lambda peer: peer.sock.send(b"HTTP/1.1 400 Bad Request\r\n\r\n"),
    "nothing, and goes": lambda peer: peer.end(),
    "nothing, and is reset": RawClient.reset,
}


@pytest.mark.parametrize("speak", SPOKEN.values(), ids=SPOKEN)
async def test_an_upstream_without_tls(
    upstream: RawServer, serve: Serve, speak: Callable[[RawClient], object]
) -> None:
    proxy = Proxy(upstream.url.replace("http:", "https:"), inject=INJECTED)
    server = await serve(proxy)
    async with connect(server.port) as client:
        await client.send(GET)
        peer = await upstream.accept()
        await peer.read_until(b"\x16\x03")
        speak(peer)
        received = await client.read_until(b"}\n")
    assert received.startswith(b"HTTP/1.1 502 ")
    assert SECRET.encode() not in received + peer.received


# --- the end of an answer that has no length ----------------------------------------------------


@contextlib.asynccontextmanager
async def ending(certificate: Certificate, *, properly: bool) -> AsyncIterator[int]:
    """The port of an upstream whose answer ends as its connection does, with or without a
    close_notify (RFC 8446, section 6.1)."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n\r\nhalf or all of it")
        if not properly:
            writer.transport.get_extra_info("socket").shutdown(1)
            await reader.read()
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


@pytest.mark.parametrize("properly", [True, False], ids=["close_notify", "FIN alone"])
async def test_only_a_proper_end_of_the_connection_ends_an_answer(
    serve: Serve, certificate: Certificate, properly: bool
) -> None:
    """Anyone on the path can send a FIN (RFC 9112, section 9.8)."""
    async with ending(certificate, properly=properly) as port:
        url = f"https://127.0.0.1:{port}"
        server = await serve(Proxy(url, tls=client_context(certificate.cert)))
        received = await raw(server.port, LAST)
    assert b"half or all of it" in received
    assert received.endswith(LAST_CHUNK) == properly
    outcome = Outcome.COMPLETE if properly else Outcome.TRUNCATED
    assert [exchange.outcome for exchange in server.ended] == [outcome]
