"""Changes are for pages of this origin, and for clients that are no browsers."""

import json

import pytest

from streamserver.kit.guards import same_origin
from streamserver.kit.request import Request
from streamserver.kit.response import Response
from streamserver.kit.router import Router
from streamserver.proxy.proxy import Proxy
from streamserver.wire.forwarded import TrustedPeers
from support.asking import ask
from support.inprocess import Serve, Served
from support.passing import CLOSE
from support.rawsocket import raw
from support.requests import request

FOREIGN = {"Origin": "https://example.org"}


async def deed(request: Request) -> Response:
    return Response("done")


@pytest.fixture
async def server(serve: Serve) -> Served:
    app = Router()
    app.route("/", ("GET", "POST", "PUT", "PATCH", "DELETE", "SWITCH"))(deed)
    return await serve(same_origin(app))


async def test_a_trusted_proxy_names_the_host_that_the_page_is_at(serve: Serve) -> None:
    """A proxy that sends the upstream's Host; the fields of any other client are ignored."""
    server = await serve(same_origin(deed), trusted=TrustedPeers("127.0.0.9"))
    fields = [b"Origin: https://demo.example", b"X-Forwarded-Host: demo.example", CLOSE]
    statuses = [
        (await raw(server.port, request(b"POST / HTTP/1.1", b"Host: a", *fields), source=source))[
            :12
        ]
        for source in ("127.0.0.9", "127.0.0.8")
    ]
    assert statuses == [b"HTTP/1.1 200", b"HTTP/1.1 403"]


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"Host": "demo.example:8000", "Origin": "http://demo.example:8000"},
        {"Host": "Demo.Example", "Origin": "http://demo.example"},
        {"Host": "demo.example", "Origin": "https://demo.example"},  # a proxy ends TLS
        {"Host": "demo.example:443", "Origin": "https://demo.example"},
        {"Host": "demo.example:80", "Origin": "http://demo.example"},
        {"Host": "[::1]:8000", "Origin": "http://[::1]:8000"},
        {"Host": "[::80]", "Origin": "http://[::80]"},
        {"Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "none"},
        {"Sec-Fetch-Site": "same-origin", **FOREIGN},  # a proxy that does not keep Host
    ],
)
async def test_who_may(server: Served, fields: dict[str, str]) -> None:
    for method in ("POST", "PUT", "PATCH", "DELETE", "SWITCH"):
        assert (await ask(server, "/", method, fields)).status == 200


@pytest.mark.parametrize(
    "fields",
    [
        FOREIGN,
        {"Host": "demo.example:8000", "Origin": "http://demo.example:8001"},
        {"Host": "demo.example:80", "Origin": "https://demo.example"},
        {"Host": "demo.example", "Origin": "http://demo.example.org"},
        {"Host": "demo.example", "Origin": "http://demo.example, http://demo.example"},
        {"Origin": "null"},  # of a sandboxed frame, or of a file
        {"Origin": ""},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},  # another port of this machine, too
        {"Sec-Fetch-Site": "cross-site", "Host": "a", "Origin": "http://a"},
        {"Sec-Fetch-Site": ""},
    ],
)
async def test_who_may_not(server: Served, fields: dict[str, str]) -> None:
    for method in ("POST", "PUT", "PATCH", "DELETE", "SWITCH"):
        answer = await ask(server, "/", method, fields)
        assert answer.status == 403
        whose = repr(fields.get("Origin") or "another site")
        detail = f"{method} is for pages of this origin, not for {whose}"
        assert json.loads(answer.body)["detail"] == detail
    for method in ("GET", "HEAD", "OPTIONS"):
        assert (await ask(server, "/", method, fields)).status in (200, 204)


async def test_a_request_without_a_host(server: Served) -> None:
    for origin, status in ((b"", b"200"), (b"Origin: null\r\n", b"403")):
        head = b"POST / HTTP/1.0\r\nContent-Length: 0\r\n" + origin + b"\r\n"
        assert (await raw(server.port, head)).startswith(b"HTTP/1.1 " + status)


async def test_behind_a_proxy_that_keeps_host(server: Served, serve: Serve) -> None:
    front = await serve(Proxy(server.url, keep_host=True))
    for origin, status in (("https://demo.example", 200), ("https://example.org", 403)):
        fields = {"Host": "demo.example", "Origin": origin}
        assert (await ask(front, "/", "POST", fields)).status == status
