"""Names of upstreams: how they are looked up, and which of their addresses is connected to."""

import asyncio
import socket
from typing import Any

import pytest

from streamserver.proxy.connector import Connector
from streamserver.proxy.origin import parse_origin
from support.problems import problem
from support.relaying import ok
from support.requests import get
from support.stage import staged

NAME = "upstream.test"


class Resolver:
    """Look-ups of names, which end at a signal of the test."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.loop = asyncio.get_running_loop()
        self.asked: list[str] = []
        self.found: asyncio.Future[list[str]] = self.loop.create_future()
        self._real = self.loop.getaddrinfo
        monkeypatch.setattr(self.loop, "getaddrinfo", self.look_up)

    async def look_up(self, host: Any, port: Any, **options: Any) -> list[Any]:
        """As the loop's, for every host but the name."""
        if host != NAME:
            return await self._real(host, port, **options)
        self.asked.append(host)
        kind = socket.SOCK_STREAM
        return [(socket.AF_INET, kind, 6, "", (each, port)) for each in await self.found]


async def test_requests_share_a_look_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes one of few threads, which other upstreams need too."""
    resolver = Resolver(monkeypatch)
    async with staged(host=NAME) as at:
        clients = [await at.begin(get(b"/%d" % number)) for number in range(3)]
        assert resolver.asked == [NAME]
        resolver.found.set_result(["127.0.0.1"])
        for _ in clients:
            peer = await at.upstream.asked()
            await peer.send(ok(b"served"))
        for client in clients:
            await client.read_until(b"served")
        assert resolver.asked == [NAME]


async def test_an_address_that_refuses_is_followed_by_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    resolver = Resolver(monkeypatch)
    resolver.found.set_result(["127.0.0.77", "127.0.0.77", "127.0.0.1"])
    async with staged(host=NAME) as at:
        client, peer = await at.ask()
        await peer.send(ok(b"served"))
        await client.read_until(b"served")


async def test_a_name_without_an_address_that_accepts(monkeypatch: pytest.MonkeyPatch) -> None:
    resolver = Resolver(monkeypatch)
    resolver.found.set_result(["127.0.0.77", "127.0.0.78"])
    async with staged(host=NAME) as at:
        refused = (502, "the upstream refused the connection")
        assert await problem(await at.begin(get(b"/"))) == refused
        resolver.found = resolver.loop.create_future()
        resolver.found.set_exception(socket.gaierror(-2, "Name or service not known"))
        unknown = (502, "the upstream cannot be reached")
        assert await problem(await at.begin(get(b"/"))) == unknown
        assert resolver.asked == [NAME, NAME]


async def test_a_look_up_that_nobody_waits_for_fails_in_silence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    resolver, reports = Resolver(monkeypatch), list[Any]()
    resolver.loop.set_exception_handler(lambda _, context: reports.append(context))
    connector = Connector(parse_origin(f"http://{NAME}"))
    waiting = asyncio.ensure_future(connector.connect(asyncio.Protocol))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait([waiting])
    resolver.found.set_exception(OSError("no such name"))
    while connector._lookup is not None and not connector._lookup.done():
        await asyncio.sleep(0)
    connector._lookup = None
    await asyncio.sleep(0)
    assert not reports
