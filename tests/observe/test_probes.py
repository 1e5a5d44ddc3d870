"""What machines ask: they are answered before the app is, whatever it is."""

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator

import pytest

from streamserver import Request, Response
from streamserver.kit.service import service
from streamserver.observe.metrics import Metrics
from streamserver.observe.probes import PATHS, with_probes
from streamserver.server.listener import Listener
from support.asking import ask
from support.figures import figure
from support.inprocess import Served
from support.leaks import no_leaks
from support.rawsocket import connect
from support.requests import get


async def app(request: Request) -> Response:
    """Answers everything."""
    return Response(b"the app")


@contextlib.asynccontextmanager
async def serving(metrics: Metrics | None) -> AsyncIterator[Served]:
    """A server of the app, behind the probes."""
    async with no_leaks():
        listener = Listener(with_probes(service(app), metrics), observer=metrics)
        sock = socket.create_server(("127.0.0.1", 0))
        host, port = sock.getsockname()
        await listener.start(sock=sock)
        served = Served(app, listener, host, port, [])
        try:
            yield served
        finally:
            await served.stop()


@pytest.fixture
async def server(metrics: Metrics) -> AsyncIterator[Served]:
    """One that counts."""
    async with serving(metrics) as served:
        yield served


async def test_the_figures_are_text_that_nobody_may_keep(server: Served) -> None:
    for count in range(2):
        answer = await ask(server, "/metrics")
        assert answer.status == 200
        assert answer.headers["content-type"].startswith("text/plain; version=")
        assert answer.headers["cache-control"] == "no-store"
        seen = figure(answer.body.decode(), "exchanges_total", route="/metrics", status="200")
        assert seen == count


async def test_a_scraper_says_which_format_it_wants(server: Served) -> None:
    accept = {"Accept": "application/openmetrics-text; version=1.0.0"}
    answer = await ask(server, "/metrics?any=thing", fields=accept)
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    assert answer.body.endswith(b"# EOF\n")


@pytest.mark.parametrize("path", ["/health", "/ready"])
async def test_a_server_that_serves_is_alive_and_ready(server: Served, path: str) -> None:
    answer = await ask(server, path)
    assert (answer.status, answer.body) == (200, b"ok\n")
    assert answer.headers["cache-control"] == "no-store"


async def test_a_server_that_drains_is_alive_but_not_ready(server: Served) -> None:
    """On connections that were kept, and are not idle: half a request has come already."""
    async with connect(server.port) as one, connect(server.port) as other:
        for client, asked in ((one, get(b"/ready")), (other, get(b"/health"))):
            await client.send(asked + asked[:20])
            await client.read_until(b"ok\n")
            client.received = b""
        stopping = asyncio.create_task(server.listener.stop(grace=60))
        await asyncio.sleep(0)  # it begins
        await one.send(get(b"/ready")[20:])
        head, _, body = (await one.read_until()).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 503 ")
        assert b"\r\nconnection: close" in head
        assert json.loads(body)["detail"] == "the server is being stopped"
        assert not stopping.done()
        await other.send(get(b"/health")[20:])
        assert (await other.read_until()).startswith(b"HTTP/1.1 200 ")
        await asyncio.wait_for(stopping, 5)


@pytest.mark.parametrize("path", PATHS)
async def test_other_methods_are_refused(server: Served, path: str) -> None:
    answer = await ask(server, path, "POST", body=b"x")
    assert answer.status == 405
    assert answer.headers["allow"] == "GET, HEAD"


@pytest.mark.parametrize("target", ["/", "/metrics/", "/Metrics", "/x/metrics", "//ready"])
async def test_all_else_is_the_apps(server: Served, target: str) -> None:
    assert (await ask(server, target)).body == b"the app"


async def test_without_the_library_it_says_what_is_missing() -> None:
    async with serving(None) as server:
        answer = await ask(server, "/metrics")
        assert answer.status == 501
        assert "streamserver[metrics]" in json.loads(answer.body)["detail"]
        assert (await ask(server, "/ready")).status == 200
