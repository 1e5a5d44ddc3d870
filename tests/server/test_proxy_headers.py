"""Connections that begin with a PROXY header, on real sockets and behind HAProxy."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from server.conftest import Contexts
from streamserver import Request, Response, serve
from streamserver.wire.proxy_protocol import SIGNATURE
from support.certificates import Certificate
from support.leaks import no_leaks
from support.loops import Run, open_spares
from support.nginx import reserved_port
from support.rawsocket import connect, raw, until_end
from support.readme import blocks
from support.requests import LAST
from support.setups.relays import running
from support.waiting import wait_until

V1 = b"PROXY TCP4 192.0.2.7 192.0.2.1 5000 80\r\n"
V2 = SIGNATURE + bytes.fromhex("2111000c c0000207 c0000201 1388 0050")
LOCAL = SIGNATURE + bytes.fromhex("20000000")
CLIENT = "192.0.2.7:5000"


async def who(request: Request) -> Response:
    return Response(f"client={request.exchange.client};")


@asynccontextmanager
async def serving(tls: ssl.SSLContext | None = None, **options: Any) -> AsyncIterator[int]:
    """The port of a server for which this machine is a trusted load balancer."""
    trusted = ["127.0.0.1", "127.0.0.9"]
    async with (
        no_leaks(),
        serve(who, port=0, tls=tls, trusted_proxies=trusted, proxy_protocol=True, **options) as own,
    ):
        yield int(own.url.rpartition(":")[2])


@pytest.mark.parametrize("header", [V1, V2])
def test_the_named_client_whatever_is_sent_at_once(run: Run, header: bytes) -> None:
    async def main(loop: asyncio.AbstractEventLoop) -> None:
        await open_spares()
        async with serving() as port:
            for cut in (0, 1, 14, 20, len(header), len(header) + 5):
                async with connect(port) as client:
                    data = header + LAST
                    for part in filter(None, (data[:cut], data[cut:])):
                        await client.send(part)
                        await asyncio.sleep(0.001)
                    answer = await client.read_until()
                assert f"client={CLIENT};".encode() in answer, cut

    run(main)


def test_after_a_header_without_an_address_the_peer_is_the_client(run: Run) -> None:
    async def main(loop: asyncio.AbstractEventLoop) -> None:
        await open_spares()
        async with serving() as port:
            for header in (LOCAL, b"PROXY UNKNOWN\r\n"):
                assert b"client=127.0.0.1:" in await raw(port, header + LAST)

    run(main)


@pytest.mark.parametrize("header", [V1, V2])
def test_the_header_precedes_the_handshake(run: Run, contexts: Contexts, header: bytes) -> None:
    async def main(loop: asyncio.AbstractEventLoop) -> None:
        await open_spares()
        async with serving(contexts.server) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(header)
            await writer.start_tls(contexts.client, server_hostname="127.0.0.1")
            writer.write(LAST)
            assert f"client={CLIENT};".encode() in await reader.read()
            writer.close()

    run(main)


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (LAST, "it does not begin with a PROXY header"),
        (V1.replace(b"TCP4", b"UDP4") + LAST, "its line is not PROXY UNKNOWN, TCP4 or TCP6"),
        (V2[:12] + b"\x11" + V2[13:] + LAST, "its version and command are 0x11"),
    ],
)
async def test_a_connection_without_a_header_is_closed_without_an_answer(
    caplog: pytest.LogCaptureFixture, data: bytes, problem: str
) -> None:
    async with serving() as port:
        for _ in range(3):
            async with connect(port) as client:
                await client.send(data)
                assert await until_end(client) == b""
    [line] = [each.getMessage() for each in caplog.records if each.name == "streamserver"]
    assert line.startswith(f"closed a connection of 127.0.0.1 without an answer: {problem}")


async def test_other_peers_may_not_name_a_client(caplog: pytest.LogCaptureFixture) -> None:
    async with (
        serve(who, port=0, trusted_proxies="10.0.0.0/8", proxy_protocol=True) as server,
        connect(int(server.url.rpartition(":")[2])) as client,
    ):
        await client.send(V1 + LAST)
        assert await until_end(client) == b""
        assert server.connections == 0
    assert "127.0.0.1 without an answer: the peer is no trusted proxy" in caplog.text


async def test_a_peer_of_a_unix_socket(tmp_path: Path) -> None:
    path = str(tmp_path / "socket")
    async with serve(who, uds=path, trusted_proxies="unix", proxy_protocol=True):
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(V2 + LAST)
        assert f"client={CLIENT};".encode() in await reader.read()
        writer.close()


async def test_a_header_has_a_deadline_and_a_place(caplog: pytest.LogCaptureFixture) -> None:
    """A connection without its header is counted, and one too many is refused after its own."""
    async with serving(head_timeout=0.3, max_connections=1) as port, connect(port) as late:
        await late.send(V1[:-1])
        assert b" 503 " in (await raw(port, V1 + LAST)).split(b"\r\n")[0]
        assert await until_end(late) == b""
        assert b" 200 " in (await raw(port, V1 + LAST)).split(b"\r\n")[0]
    assert "its PROXY header did not come in time" in caplog.text


async def test_a_check_of_the_port_and_a_stop_while_headers_are_awaited(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with serving() as port:
        async with connect(port):
            pass
        async with connect(port) as waiting:
            await waiting.send(V1[:10])
            assert b" 200 " in (await raw(port, V1 + LAST)).split(b"\r\n")[0]
    assert "streamserver" not in {each.name for each in caplog.records}


async def test_the_protocol_needs_trusted_peers() -> None:
    with pytest.raises(ValueError, match="proxy_protocol needs trusted_proxies"):
        async with serve(who, port=0, proxy_protocol=True):
            pass


HAPROXY = """
global
    nbthread 1
defaults
    timeout connect 5s
    timeout client 9s
    timeout server 9s
    source 127.0.0.9
listen version-1
    mode http
    bind 127.0.0.1:{v1}
    server origin 127.0.0.1:{plain} send-proxy
listen version-2
    mode http
    option httpchk
    http-check send meth GET uri /check ver HTTP/1.1 hdr Host a
    bind 127.0.0.1:{v2}
    server origin 127.0.0.1:{plain} send-proxy-v2 check check-send-proxy inter 100ms
"""


async def output(*command: str) -> bytes:
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    return (await process.communicate())[0]


async def test_behind_haproxy(
    peer: Callable[[str], str], contexts: Contexts, tmp_path: Path, certificate: Certificate
) -> None:
    seen: list[tuple[str, str]] = []

    async def noted(request: Request) -> Response:
        seen.append((request.path, request.exchange.client.rpartition(":")[0]))
        return Response("ok")

    options: dict[str, Any] = {"port": 0, "trusted_proxies": "127.0.0.9", "proxy_protocol": True}
    async with (
        serve(noted, **options) as plain,
        serve(noted, tls=(certificate.cert, certificate.key), **options) as secure,
    ):
        with reserved_port() as v1, reserved_port() as v2, reserved_port() as tls:
            plain_port, secure_port = (each.url.rpartition(":")[2] for each in (plain, secure))
            file = tmp_path / "haproxy.cfg"
            [passed] = [block.text for block in blocks() if "send-proxy-v2" in block.text]
            passed = passed.replace(":443", f"127.0.0.1:{tls}").replace(":8000", f":{secure_port}")
            file.write_text(HAPROXY.format(v1=v1, v2=v2, plain=plain_port) + passed)
            command = [peer("haproxy"), "-db", "-f", str(file)]
            proxy = running(command, tmp_path, {"v1": v1})
            await asyncio.to_thread(proxy.__enter__)
            try:
                urls = [f"http://127.0.0.1:{v1}/1", f"http://127.0.0.1:{v2}/2"]
                urls += [f"https://127.0.0.1:{tls}/tls"]
                curl = [peer("curl"), "-sk", "--interface", "127.0.0.5", *urls]
                assert await output(*curl) == b"okokok"
                await wait_until(lambda: ("/check", "127.0.0.9") in seen)
            finally:
                await asyncio.to_thread(proxy.__exit__, None, None, None)
    for path in ("/1", "/2", "/tls"):
        assert (path, "127.0.0.5") in seen


async def test_curl_sends_a_header_of_its_own(peer: Callable[[str], str]) -> None:
    async with serving() as port:
        shown = await output(peer("curl"), "-s", "--haproxy-protocol", f"http://127.0.0.1:{port}/")
        assert b"client=127.0.0.1:" in shown
