"""Behind real proxies: the client is the one that connected to them, also if it forges fields.

The proxies connect from an address of their own, which is the one that is trusted.
"""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from streamserver import Request, Response
from streamserver.wire.forwarded import SOURCES, TrustedPeers
from support import peers
from support.inprocess import Serve
from support.nginx import nginx, reserved_port
from support.readme import blocks
from support.setups.relays import running

PROXY, CLIENT = "127.0.0.9", "127.0.0.5"
FORGED = (
    *("X-Forwarded-For: 6.6.6.6", "X-Forwarded-For: 127.0.0.9", "X-Forwarded-Proto: https"),
    *("X-Forwarded-Host: evil.example", "X-Real-IP: 6.6.6.6", "X-Request-ID: forged"),
    'Forwarded: for=6.6.6.6;proto=https;host=evil.example, for="',
)
NGINX = """server {{
    listen 127.0.0.1:{front} reuseport;
    proxy_bind 127.0.0.9;
    location /x-forwarded {{
        proxy_pass http://127.0.0.1:{ports[0]};
        {directives}
    }}
    location /forwarded {{
        proxy_pass http://127.0.0.1:{ports[1]};
        proxy_set_header Forwarded '$http_forwarded, for="$remote_addr:$remote_port";proto=$scheme';
    }}
}}"""
HAPROXY = """
defaults
    mode http
    timeout connect 5s
    timeout client 9s
    timeout server 9s
listen x-forwarded
    bind 127.0.0.1:{front}
    source 127.0.0.9
    option forwardfor
    http-request set-header X-Forwarded-Proto http
    http-request set-header X-Forwarded-Host %[req.hdr(Host)]
    http-request set-header X-Request-ID %[uuid()]
    server origin 127.0.0.1:{port}
"""


async def who(request: Request) -> Response:
    client = request.client
    return Response.json([client.address, client.port, client.scheme, client.host, request.id])


async def forging(curl: str, url: str) -> tuple[Any, str]:
    """The response of a server to a client that forges all of these fields, and the id in it."""
    fields = [word for field in FORGED for word in ("--header", field)]
    process = await asyncio.create_subprocess_exec(
        *(curl, "--silent", "--show-error", "--include", "--interface", CLIENT, *fields, url),
        stdout=asyncio.subprocess.PIPE,
    )
    head, _, body = (await process.communicate())[0].decode().partition("\r\n\r\n")
    (id,) = [line[14:] for line in head.split("\r\n") if line.lower().startswith("x-request-id")]
    return json.loads(body), id


async def test_behind_nginx(serve: Serve, tmp_path: Path, peer: Callable[[str], str]) -> None:
    ports = [
        (await serve(who, trusted=TrustedPeers(PROXY, source), identifies=True)).port
        for source in SOURCES
    ]
    [directives] = [each.text for each in blocks() if each.text.startswith("proxy_set_header")]
    with reserved_port() as front:
        http = NGINX.format(front=front, ports=ports, directives=directives)
        with nginx(tmp_path, http, front):
            url = f"http://localhost:{front}"
            seen, id = await forging(peer("curl"), f"{url}/x-forwarded")
            assert seen == [CLIENT, 0, "http", f"localhost:{front}", id]
            assert len(id) == 32  # of nginx
            (address, port, scheme, host, _), _ = await forging(peer("curl"), f"{url}/forwarded")
            assert (address, scheme, host) == (CLIENT, "http", f"127.0.0.1:{ports[1]}")
            assert port


async def test_behind_haproxy(serve: Serve, tmp_path: Path, peer: Callable[[str], str]) -> None:
    server = await serve(who, trusted=TrustedPeers(PROXY), identifies=True)
    file = tmp_path / "haproxy.cfg"
    with reserved_port() as front:
        file.write_text(HAPROXY.format(front=front, port=server.port))
        command = [peers.program("haproxy"), "-db", "-f", str(file)]
        with running(command, tmp_path, {"x-forwarded": front}):
            seen, id = await forging(peer("curl"), f"http://localhost:{front}")
    assert seen == [CLIENT, 0, "http", f"localhost:{front}", id]
    assert len(id) == 36
