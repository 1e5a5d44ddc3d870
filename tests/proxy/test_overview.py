"""What an operator sees of the upstreams: their states at /upstreams, and /ready."""

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from streamserver.observe.metrics import Metrics
from streamserver.observe.probes import Probes
from streamserver.proxy import overview
from streamserver.proxy.overview import Overview
from streamserver.proxy.proxy import Proxy
from streamserver.proxy.settings import Backoff, PoolLimits, Timeouts
from streamserver.server.exchange import Exchange
from support.asking import ask
from support.figures import Figures
from support.inprocess import Served, running
from support.rawserver import RawServer, raw_server
from support.rawsocket import RawClient, connect, until_end
from support.relaying import ok
from support.requests import get
from support.upstreams import full_backlog, has_caller, refusing_port
from support.waiting import wait_until

LONG = Backoff(first=60, longest=60)
NEW = PoolLimits(idle=0)


@contextlib.asynccontextmanager
async def seen(
    *urls: str, ready: bool = False, metrics: Metrics | None = None, **options: Any
) -> AsyncIterator[Served]:
    """A relay to these upstreams, behind its probes."""
    proxy = Proxy(urls, **{"pool": NEW} | options)
    upstreams = Overview([("/", proxy)], decides_readiness=ready)
    if metrics is not None:
        metrics.watch(upstreams.load)
    front = partial(Probes, metrics=metrics, upstreams=upstreams)
    async with running(proxy, front=front, observers=[metrics] if metrics else []) as server:
        yield server


async def group(server: Served) -> dict[str, Any]:
    """What is shown of the only group."""
    answer = await ask(server, "/upstreams")
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    found: list[dict[str, Any]] = json.loads(answer.body)["groups"]
    assert len(found) == 1
    return found[0]


async def states(server: Served) -> list[dict[str, Any]]:
    """Of its upstreams."""
    upstreams: list[dict[str, Any]] = (await group(server))["upstreams"]
    return upstreams


async def begin(
    server: Served, upstream: RawServer, stack: contextlib.AsyncExitStack, target: bytes = b"/"
) -> tuple[RawClient, RawClient]:
    client = await stack.enter_async_context(connect(server.port))
    await client.send(get(target))
    return client, await upstream.asked()


@contextlib.asynccontextmanager
async def busy(metrics: Metrics | None = None) -> AsyncIterator[tuple[Served, list[str]]]:
    """A relay to an upstream with as many streams as it may have, while another one is down, and a
    request waits; with the URLs of both."""
    async with contextlib.AsyncExitStack() as stack:
        upstream = await stack.enter_async_context(raw_server())
        urls = [upstream.url, f"http://127.0.0.1:{stack.enter_context(refusing_port())}/base"]
        server = await stack.enter_async_context(
            seen(*urls, max_streams=2, backoff=LONG, metrics=metrics)
        )
        assert {each["state"] for each in await states(server)} == {"available"}
        async with contextlib.AsyncExitStack() as clients:
            clients.enter_context(upstream.accepted)
            client, peer = await begin(server, upstream, clients)
            await begin(server, upstream, clients)
            waiting = await clients.enter_async_context(connect(server.port))
            await waiting.send(get(b"/"))
            while not (await group(server))["queue"]["waiting"]:
                await asyncio.sleep(0.005)
            yield server, urls
            await peer.send(ok(b"done"))
            await client.read_until(b"done")


async def test_the_state_of_each_upstream_is_shown() -> None:
    async with busy() as (server, urls):
        found = await group(server)
    assert (found["prefix"], found["queue"]) == ("/", {"waiting": 1})
    good, bad = found["upstreams"]
    assert [good["url"], bad["url"]] == urls
    known = {"state": "available", "open_streams": 2, "limit": 2, "failures": 0}
    assert known.items() <= good.items()
    assert good["reason"] is good["next_attempt_s"] is good["last_failure"] is None
    assert (bad["state"], bad["open_streams"], bad["limit"]) == ("excluded", 0, 2)
    assert bad["failures"] == bad["requests"] >= 1
    assert bad["reason"] == bad["last_failure"]["detail"] == "the upstream refused the connection"
    assert 0 < bad["next_attempt_s"] <= 60
    stamp = r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
    assert re.fullmatch(stamp, bad["last_failure"]["time"])


async def test_the_load_of_each_upstream_is_measured() -> None:
    metrics = Metrics(registry=CollectorRegistry())
    figures = Figures(metrics)
    async with busy(metrics) as (_, urls):
        names = [url.removeprefix("http://") for url in urls]
        assert [figures("upstream_open_streams", upstream=name) for name in names] == [2, 0]
        assert figures("upstream_waiting_requests") == 1


async def test_one_upstream_without_a_limit_is_shown_too() -> None:
    async with raw_server() as upstream, seen(upstream.url) as server:
        async with contextlib.AsyncExitStack() as stack:
            stack.enter_context(upstream.accepted)
            client, peer = await begin(server, upstream, stack)
            (state,) = await states(server)
            assert (state["state"], state["open_streams"]) == ("available", 1)
            assert state["limit"] is state["requests"] is None
            peer.reset()
            await client.read_until(b"}\n")
        (state,) = await states(server)
        assert (state["open_streams"], state["failures"]) == (0, 1)
        assert state["last_failure"]["detail"] == "the upstream closed the connection"


async def test_the_state_of_an_upstream_that_has_sent_a_retry_after() -> None:
    async with (
        raw_server() as upstream,
        seen(upstream.url, "http://127.0.0.1:9") as server,
        contextlib.AsyncExitStack() as stack,
    ):
        stack.enter_context(upstream.accepted)
        client, peer = await begin(server, upstream, stack)
        await peer.send(b"HTTP/1.1 429 Slow\r\nRetry-After: 30\r\nContent-Length: 0\r\n\r\n")
        await client.read_until(b"\r\n\r\n")
        state, _ = await states(server)
    assert state["reason"] == "it has sent a Retry-After"
    assert 29 < state["next_attempt_s"] <= 30


async def test_each_route_is_a_group() -> None:
    proxies = [("/a", Proxy("http://a:1/x")), ("/b", Proxy(["unix:/run/b:/y", "https://c"]))]
    upstreams = Overview(proxies)
    front = partial(Probes, metrics=None, upstreams=upstreams)
    async with running(proxies[0][1], front=front) as server:
        groups = json.loads((await ask(server, "/upstreams")).body)["groups"]
    urls = {each["prefix"]: [one["url"] for one in each["upstreams"]] for each in groups}
    assert urls == {"/a": ["http://a:1/x"], "/b": ["unix:/run/b:/y", "https://c"]}
    assert {each["queue"] for each in groups} == {None}


async def test_no_secret_is_shown() -> None:
    key = "sk-do-not-show"
    inject = {"authorization": f"Bearer {key}"}
    async with raw_server() as upstream, seen(upstream.url, inject=inject) as server:
        assert key.encode() not in (await ask(server, "/upstreams")).body


# Readiness


async def readiness(server: Served) -> tuple[int, str]:
    answer = await ask(server, "/ready")
    detail = json.loads(answer.body)["detail"] if answer.status != 200 else ""
    assert ("retry-after" in answer.headers) == (answer.status == 503)
    return answer.status, detail


async def test_an_idle_relay_is_ready_while_one_upstream_accepts_connections(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(overview, "KEPT", 0.0)
    why = "no upstream can be reached: the upstream refused the connection"
    with refusing_port() as port:
        async with raw_server() as upstream:
            dead = f"http://127.0.0.1:{port}"
            async with seen(upstream.url, dead, ready=True) as server:
                with upstream.accepted:  # closed before the server looks for what is left
                    assert await readiness(server) == (200, "")
                    address = upstream.sock.getsockname()
                    upstream.sock.close()
                    assert await readiness(server) == (503, why)
                    with contextlib.closing(await asyncio.start_server(_close, *address)) as again:
                        assert await readiness(server) == (200, "")
                    await again.wait_closed()


def _close(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()


async def test_an_upstream_that_accepts_nothing_in_time_is_not_reached() -> None:
    with full_backlog() as port:
        url, timeouts = f"http://127.0.0.1:{port}", Timeouts(connect=0.05)
        async with seen(url, ready=True, timeouts=timeouts) as server:
            status, why = await readiness(server)
    assert status == 503
    assert why.endswith("the upstream did not accept a connection in time")


async def test_an_upstream_that_accepts_connections_but_fails_is_not_counted_for_a_while() -> None:
    async with (
        raw_server() as upstream,
        seen(upstream.url, ready=True, max_streams=1, backoff=LONG) as server,
        contextlib.AsyncExitStack() as stack,
    ):
        stack.enter_context(upstream.accepted)
        client, peer = await begin(server, upstream, stack)
        peer.reset()
        await client.read_until(b"}\n")
        status, why = await readiness(server)
    assert status == 503
    assert why == "no upstream can be reached: the upstream closed the connection"


async def test_many_probes_at_once_share_one_attempt() -> None:
    async with raw_server() as upstream, seen(upstream.url, ready=True) as server:
        with upstream.accepted:
            answers = await asyncio.gather(*(readiness(server) for _ in range(20)))
            assert set(answers) == {(200, "")}
            await upstream.accept()
            with pytest.raises(TimeoutError):
                await upstream.accept(timeout=0.01)


async def test_probes_open_no_connections_for_requests_that_wait(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A probe's connection is besides the limit, and is not replaced by that of a request."""
    monkeypatch.setattr(overview, "KEPT", 0.0)
    options: dict[str, Any] = {"ready": True, "pool": PoolLimits(open=1, wait=60)}
    async with (
        raw_server() as upstream,
        seen(upstream.url, **options) as server,
        contextlib.AsyncExitStack() as stack,
    ):
        stack.enter_context(upstream.accepted)
        first, peer = await begin(server, upstream, stack)
        later = await stack.enter_async_context(connect(server.port))
        await later.send(get(b"/later"))
        assert await readiness(server) == (200, "")
        probe = await upstream.accept()
        assert await until_end(probe) == b""
        assert not has_caller(upstream)
        first.reset()
        await until_end(peer)
        assert (await upstream.asked()).received.startswith(b"GET /later ")


async def test_without_the_option_a_relay_is_ready_without_upstreams() -> None:
    with refusing_port() as port:
        async with seen(f"http://127.0.0.1:{port}") as server:
            assert await readiness(server) == (200, "")


async def test_a_server_without_upstreams_leaves_the_path_to_its_app() -> None:
    async def app(exchange: Exchange) -> Any:
        raise NotImplementedError

    assert "/upstreams" not in Probes(app, None)._paths


async def test_a_listener_that_closes_ends_the_attempts() -> None:
    with full_backlog() as port:
        url = f"http://127.0.0.1:{port}"
        async with seen(url, ready=True) as server, connect(server.port) as client:
            await client.send(get(b"/ready"))
            await wait_until(lambda: any("_reach_any" in str(each) for each in asyncio.all_tasks()))
            await server.stop(0.0)
