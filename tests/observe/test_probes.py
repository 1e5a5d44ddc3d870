"""The probes: in front of any app."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest

from streamserver.extras import install_hint
from streamserver.observe.metrics import Metrics
from streamserver.observe.probes import PATHS
from support.asking import ask
from support.figures import figure
from support.inprocess import Served
from support.probed import probed
from support.rawsocket import connect
from support.requests import get


@pytest.fixture
async def server(metrics: Metrics) -> AsyncIterator[Served]:
    """One that counts."""
    async with probed(metrics) as served:
        yield served


async def test_a_scrape_is_up_to_date(server: Served) -> None:
    for count in range(2):
        answer = await ask(server, "/metrics")
        assert answer.headers["cache-control"] == "no-store"
        seen = figure(answer.body.decode(), "exchanges_total", route="/metrics", status="200")
        assert seen == count


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
    assert json.loads(answer.body)["detail"] == "allowed methods: GET, HEAD"


@pytest.mark.parametrize("target", ["/", "/metrics/", "/Metrics", "/x/metrics", "//ready"])
async def test_other_targets_reach_the_app(server: Served, target: str) -> None:
    assert (await ask(server, target)).body == b"the app"


async def test_without_the_library_it_says_what_is_missing() -> None:
    async with probed(None) as server:
        answer = await ask(server, "/metrics")
        assert answer.status == 501
        assert json.loads(answer.body)["detail"].endswith(install_hint("metrics"))
        assert (await ask(server, "/ready")).status == 200
