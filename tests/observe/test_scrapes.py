"""Scrapes: their format, and many at the same time."""

import asyncio
import threading
from collections.abc import Iterator

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_plain

from streamserver.observe.metrics import Metrics
from support.asking import ask
from support.figures import figure
from support.probed import probed
from support.waiting import wait_until

PLAIN = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
PROMETHEUS = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,"
    "application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=0.0.4;q=0.2,*/*;q=0.1"
)
ACCEPTS = [
    ("", PLAIN),
    ("*/*", PLAIN),
    ("text/html", PLAIN),
    ("text/plain;version=0.0.4", PLAIN),
    ("text/plain;version=1.0.0;escaping=allow-utf-8", PLAIN),
    ("text/plain;version=a.b.c", PLAIN),
    ("text/plain; version=9.9.9", PLAIN),
    ("text/plain; version=", PLAIN),
    ("openmetrics", PLAIN),
    ("application/openmetrics-text", OPENMETRICS),
    (PROMETHEUS, OPENMETRICS),
    ("Application/OpenMetrics-Text; version=1.0.0", OPENMETRICS),
    ("application/openmetrics-text; version=abc", OPENMETRICS),
    ("application/openmetrics-text; version=9.9.9", OPENMETRICS),
    ("application/openmetrics-text; version=0.0.1; escaping=none", OPENMETRICS),
]


@pytest.mark.parametrize(("accept", "content_type"), ACCEPTS)
async def test_the_body_has_the_format_of_its_content_type(
    metrics: Metrics, accept: str, content_type: str
) -> None:
    async with probed(metrics) as server:
        answer = await ask(server, "/metrics?any=thing", fields={"Accept": accept})
    assert answer.status == 200
    assert answer.headers["content-type"] == content_type
    text = answer.body.decode()
    assert text.endswith("# EOF\n") == (content_type == OPENMETRICS)
    read = read_openmetrics if content_type == OPENMETRICS else read_plain
    kinds = {family.name: family.type for family in read(text)}
    assert kinds["streamserver_write_stalls"] == "counter"
    assert kinds["streamserver_gap_seconds"] == "histogram"


class Reading:
    """A metric in the registry that blocks its reader until `may_end` is set."""

    def __init__(self) -> None:
        self.begun = self.going_on = self.most = 0
        self.may_end = threading.Event()

    def collect(self) -> Iterator[Metric]:
        """As the library calls it, in its threads."""
        self.begun += 1
        self.going_on += 1
        self.most = max(self.most, self.going_on)
        assert self.may_end.wait(20)
        self.going_on -= 1
        yield Metric("readings", "How many have begun.", "gauge")


@pytest.fixture
def registry() -> CollectorRegistry:
    """One of the test's own."""
    return CollectorRegistry()


@pytest.fixture
def reading(registry: CollectorRegistry) -> Iterator[Reading]:
    """A metric that blocks, until the end of the test."""
    registry.register(reading := Reading())
    yield reading
    reading.may_end.set()


async def test_concurrent_scrapes_share_one_result(
    registry: CollectorRegistry, reading: Reading
) -> None:
    metrics = Metrics(registry=registry)
    first = asyncio.create_task(metrics.scrape(""))
    await wait_until(lambda: reading.begun)
    others = [asyncio.create_task(metrics.scrape("")) for _ in range(9)]
    await asyncio.sleep(0)  # they ask
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    reading.may_end.set()
    scraped = await asyncio.gather(*others)
    assert all(each is scraped[0] for each in scraped)
    assert reading.begun == 1
    metrics.refused()
    body, _ = await metrics.scrape("")
    assert reading.begun == 2
    assert figure(body.decode(), "refused_connections_total") == 1


async def test_one_scrape_at_a_time_for_both_formats(
    registry: CollectorRegistry, reading: Reading
) -> None:
    metrics = Metrics(registry=registry)
    asked = [asyncio.create_task(metrics.scrape(accept)) for accept in (PLAIN, OPENMETRICS) * 3]
    await wait_until(lambda: reading.begun)
    metrics.refused()  # while one is being read and the other waits for it
    reading.may_end.set()
    scraped = await asyncio.gather(*asked)
    assert (reading.begun, reading.most) == (2, 1)
    assert [content_type for _, content_type in scraped] == [PLAIN, OPENMETRICS] * 3
    assert b"streamserver_refused_connections_total 1.0" in scraped[1][0]
