"""Upstreams on a unix socket."""

from pathlib import Path

import pytest

from streamserver.proxy.proxy import Proxy
from support.inprocess import Serve
from support.rawsocket import connect
from support.relaying import ok
from support.requests import get
from support.upstreams import has_caller, unix_server


@pytest.mark.parametrize(
    ("base", "target"), [("", b"/a"), (":", b"/a"), (":/", b"/a"), (":/base", b"/base/a")]
)
async def test_an_upstream_on_a_unix_socket(
    serve: Serve, tmp_path: Path, base: str, target: bytes
) -> None:
    path = tmp_path / "upstream.sock"
    server = await serve(Proxy(f"unix:{path}{base}"))
    with unix_server(path) as upstream, upstream.accepted:
        async with connect(server.port) as client:
            await client.send(get(b"/a"))
            peer = await upstream.asked()
            assert peer.received.startswith(b"GET %b HTTP/1.1\r\nhost: localhost\r\n" % target)
            await peer.send(ok(b"answer"))
            await client.read_until(b"answer")
            await client.send(get(b"/b"))
            await peer.read_until(b"/b ")
            assert not has_caller(upstream)
