"""The labels that exchanges are counted by, and the exposition."""

from functools import partial

import pytest
from prometheus_client import CollectorRegistry, Counter, generate_latest

from streamserver import Request, Response, Router
from streamserver.observe.metrics import Metrics
from streamserver.observe.prometheus import PLAIN
from support.figures import Figures
from support.inprocess import Serve, Served
from support.rawsocket import connect
from support.requests import get, request
from support.waiting import wait_until


async def asked(server: Served, *requests: bytes) -> None:
    """Send each on a connection of its own, and wait until its exchange has ended."""
    for count, sent in enumerate(requests, len(server.ended) + 1):
        async with connect(server.port) as client:
            await client.send(sent)
            await wait_until(partial(has_ended, server, count))


def has_ended(server: Served, count: int) -> bool:
    """Whether so many exchanges have."""
    return len(server.ended) >= count


def site() -> Router:
    """Routes of each kind, one of them a mount."""
    app, below = Router(), Router()

    @app.get("/plain")
    @app.get("/jobs/{id}")
    @below.get("/one/{name}")
    async def plain(request: Request) -> Response:
        return Response(b"hello")

    async def rest(request: Request) -> Response:
        return Response(b"hello", status=203)

    app.mount("/below", below)
    app.mount("/rest", rest)
    return app


LABELS = [
    (get(b"/plain"), "/plain", "GET", "200"),
    (get(b"/plain?q=1"), "/plain", "GET", "200"),
    (get(b"/jobs/17"), "/jobs/{id}", "GET", "200"),
    (request(b"HEAD /jobs/17 HTTP/1.1", b"Host: a"), "/jobs/{id}", "HEAD", "200"),
    (request(b"PUT /jobs/17 HTTP/1.1", b"Host: a"), "/jobs/{id}", "PUT", "405"),
    (request(b"OPTIONS /jobs/17 HTTP/1.1", b"Host: a"), "/jobs/{id}", "OPTIONS", "204"),
    (request(b"BREW /plain HTTP/1.1", b"Host: a"), "/plain", "other", "405"),
    (get(b"/below/one/x"), "/below/one/{name}", "GET", "200"),
    (get(b"/below/none"), "/below/*", "GET", "404"),
    (get(b"/rest/any/thing"), "/rest/*", "GET", "203"),
    (get(b"/none"), "-", "GET", "404"),
]


@pytest.mark.parametrize(("sent", "route", "method", "status"), LABELS)
async def test_an_exchange_is_counted_by_its_route_method_and_status(
    serve: Serve,
    metrics: Metrics,
    figures: Figures,
    sent: bytes,
    route: str,
    method: str,
    status: str,
) -> None:
    server = await serve(site(), observers=[metrics])
    await asked(server, sent, sent)
    labels = {"route": route, "method": method, "status": status, "outcome": "complete"}
    assert figures("exchanges_total", **labels) == figures("exchanges_total") == 2


async def test_what_is_no_request_is_counted_too(
    serve: Serve, metrics: Metrics, figures: Figures
) -> None:
    server = await serve(site(), observers=[metrics])
    await asked(server, b"no request\r\n\r\n")
    labels = {"route": "-", "method": "other", "status": "400", "outcome": "rejected"}
    assert figures("exchanges_total", **labels) == figures("exchanges_total") == 1


async def test_paths_that_a_client_makes_up_are_one_label(
    serve: Serve, metrics: Metrics, figures: Figures
) -> None:
    server = await serve(site(), observers=[metrics])
    for n in range(9):
        await asked(server, get(b"/%d" % n), get(b"/jobs/%d" % n))
    lines = (await metrics.scrape(""))[0].decode().splitlines()
    assert len([line for line in lines if line.startswith("streamserver_exchanges_total")]) == 2


def test_every_metric_says_what_it_is(metrics: Metrics) -> None:
    for line in metrics.render(PLAIN)[0].decode().splitlines():
        assert line.split()[2 if line.startswith("#") else 0].startswith("streamserver_")
        assert not line.startswith("# HELP") or line.endswith(".")


def test_only_an_apps_own_metrics_expose_when_they_were_created() -> None:
    registry = CollectorRegistry()
    Counter("own", "An app's own.", registry=registry)
    metrics = Metrics(registry=registry)
    for exposed in (metrics.render(PLAIN)[0], generate_latest(registry)):
        lines = exposed.decode().splitlines()
        created = [line.split()[0] for line in lines if line[0] != "#" and "_created" in line]
        assert created == ["own_created"]
        assert "streamserver_write_stalls_total 0.0" in lines


def test_two_that_count_in_one_registry_are_refused() -> None:
    registry = CollectorRegistry()
    Metrics(registry=registry)
    with pytest.raises(ValueError, match="streamserver_exchanges"):
        Metrics(registry=registry)
