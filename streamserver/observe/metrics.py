"""Figures for Prometheus, by its client library: ``pip install streamserver[metrics]``.

Three histograms, since they are three questions: how long until something came, how evenly it
went on, how long it lasted. A stream of an hour says nothing about latency.

Labels have few values, whatever clients send: a route is a pattern, never a path.

Several workers count each into files of its own in one directory, and whichever of them is
asked answers for all: the library's multiprocess mode. The library looks for the directory's
name in the environment when it is first imported; so it must be there before this process
begins. What a worker counted in the last quarter of a second is lost if it is killed.
"""

import asyncio
from bisect import bisect_left
from collections import defaultdict
from typing import Any

from streamserver.observe.tallies import DURATION, FIRST_BYTE, GAP, LATE, RouteTally, Tally
from streamserver.server.exchange import Exchange
from streamserver.server.observer import FeedEvent, Observer, UpstreamEvent
from streamserver.server.watched import Watched

DIRECTORY = "PROMETHEUS_MULTIPROC_DIR"
"""The environment variable that names the directory in which several processes count."""

PERIOD = 0.25
"""Seconds in which another worker's scrape may not know yet what was counted here."""

METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
LAG = (1, 10, 100, 1_000, 10_000)
NOTHING = "-"
"""The route where there was none, and the status where no head was sent; as in the access log."""


class Metrics(Observer):
    """Counts what it is told, and tells it to Prometheus.

    ``directory``: where several processes count, as `DIRECTORY` has named it to this one.
    ``registry``: a CollectorRegistry, for one alone; by default the library's own, where an app
    may have others.
    ImportError without prometheus-client.
    """

    __slots__ = (
        "_directory",
        "_ended",
        "_exchanges",
        "_feed",
        "_is_idle",
        "_late",
        "_lateness",
        "_refused",
        "_registry",
        "_routes",
        "_stalls",
        "_timer",
        "_totals",
        "_upstream",
    )

    sees_streams = True

    def __init__(self, directory: str | None = None, registry: Any = None) -> None:
        from prometheus_client import REGISTRY

        self._directory = directory
        self._registry = None if directory else registry or REGISTRY
        self._routes: defaultdict[str, RouteTally] = defaultdict(RouteTally)
        self._ended: defaultdict[tuple[str, str, str, str], int] = defaultdict(int)
        self._late = Tally(LATE)
        self._timer: asyncio.TimerHandle | None = None
        self._is_idle = bool(directory)  # one process alone is up to date when it is asked
        self._make(_Maker(self._registry))

    def _make(self, make: "_Maker") -> None:
        count, spread = make.counter, make.histogram
        self._exchanges = count(
            "exchanges", "Exchanges that have ended.", "route", "method", "status", "outcome"
        )
        self._totals = (
            make.gauge("open_streams", "Streams that have begun and not ended.", "route"),
            count("sent_bytes", "Bytes of bodies handed to sockets, without framing.", "route"),
            spread("first_byte_seconds", "From a request to its first byte.", FIRST_BYTE, "route"),
            spread("gap_seconds", "Between two pieces of a body.", GAP, "route"),
            spread("stream_seconds", "From a request to its stream's end.", DURATION, "route"),
        )
        self._refused = count("refused_connections", "Connections refused: too many were open.")
        self._stalls = count("write_stalls", "Times a producer had to wait for a slow client.")
        self._upstream: dict[UpstreamEvent, Any] = {
            "connect": count("upstream_connects", "Requests sent on a new connection."),
            "reuse": count("upstream_reuses", "Requests sent on a connection that was kept."),
            "retry": count("upstream_retries", "Requests sent again: their connection was dead."),
            "failure": count("upstream_failures", "Requests an upstream did not answer well."),
        }
        self._lateness = spread(
            "late_seconds", "From when the lab's target was to send an event to when it did.", LATE
        )
        self._feed = (
            make.gauge("feed_readers", "Readers of feeds."),
            count("feed_gaps", "Readers told that events they asked for are gone."),
            spread("feed_lag_events", "Events that a slow reader caught up with.", LAG),
        )

    # What a listener tells

    def began(self, exchange: Exchange) -> None:
        """A stream is open."""
        self._routes[exchange.route or NOTHING].open += 1
        if self._is_idle:
            self._wake()

    def wrote(self, exchange: Exchange, size: int, gap: float) -> None:
        """Called for each piece: the one place here where every step counts."""
        route = self._routes[exchange.route or NOTHING]
        route.sent += size
        if gap < 0:
            route.first_bytes.add(exchange.first_byte - exchange.started)
        else:
            gaps = route.gaps  # as Tally.add has it
            gaps.counts[bisect_left(GAP, gap)] += 1
            gaps.total += gap
        if self._is_idle:
            self._wake()

    def ended(self, exchange: Exchange) -> None:
        """Count it by its labels; a stream is open no longer."""
        name = exchange.route or NOTHING
        method = exchange.method if exchange.method in METHODS else "other"
        status = str(exchange.status or NOTHING)
        self._ended[name, method, status, str(exchange.outcome)] += 1
        if isinstance(exchange, Watched) and exchange.is_stream:
            route = self._routes[name]
            route.open -= 1
            route.durations.add(exchange.ended - exchange.started)
        if self._is_idle:
            self._wake()

    def refused(self) -> None:
        """One connection more."""
        self._refused.inc()

    def write_stalled(self) -> None:
        """One time more."""
        self._stalls.inc()

    def upstream(self, event: UpstreamEvent) -> None:
        """Each kind of event is a counter of its own."""
        self._upstream[event].inc()

    def late(self, seconds: float) -> None:
        """Called for each event of the lab's target."""
        self._late.add(seconds)
        if self._is_idle:
            self._wake()

    def closed(self) -> None:
        """What is still to be told goes out now."""
        if self._timer is not None:
            self._timer.cancel()
            self._flush()

    def feed(self, event: FeedEvent, behind: int = 0) -> None:
        """Each kind of event is a figure of its own."""
        readers, gaps, lag = self._feed
        match event:
            case "joined":
                readers.inc()
            case "left":
                readers.dec()
            case "gap":
                gaps.inc()
            case "lagged" if behind:  # else its client was slow, but nothing came meanwhile
                lag.observe(behind)

    # What Prometheus asks

    async def scrape(self, accept: str) -> tuple[bytes, str]:
        """The figures of all workers in the format that an Accept field asks for, and its type.

        The library takes some 20 ms for a thousand lines: in a thread, or streams would wait.
        """
        self.pour()
        return await asyncio.to_thread(self.told, accept)

    def told(self, accept: str) -> tuple[bytes, str]:
        """The same as of the last ``pour``; may be called in any thread."""
        from prometheus_client import CollectorRegistry
        from prometheus_client.exposition import choose_encoder
        from prometheus_client.multiprocess import MultiProcessCollector

        registry = self._registry
        if registry is None:
            registry = CollectorRegistry()
            MultiProcessCollector(registry, self._directory)  # type: ignore[no-untyped-call]
        encode, content_type = choose_encoder(_known(accept))
        return encode(registry), content_type

    def _wake(self) -> None:
        self._is_idle = False
        self._timer = asyncio.get_running_loop().call_later(PERIOD, self._flush)

    def _flush(self) -> None:
        self._timer = None
        self._is_idle = True
        self.pour()

    def pour(self) -> None:
        """Give the library what has come together."""
        ended, self._ended = self._ended, defaultdict(int)
        for labels, count in ended.items():
            self._exchanges.labels(*labels).inc(count)
        opened, sent, *spreads = self._totals
        for name, route in self._routes.items():
            if route.open != route.told_open:
                opened.labels(name).set(route.open)
                route.told_open = route.open
            if route.sent:
                sent.labels(name).inc(route.sent)
                route.sent = 0
            tallies = (route.first_bytes, route.gaps, route.durations)
            for spread, tally in zip(spreads, tallies, strict=True):
                if tally.is_filled:
                    _pour(tally, spread.labels(name))
        if self._late.is_filled:
            _pour(self._late, self._lateness)


def _known(accept: str) -> str:
    """One of our own, since the library stumbles over versions that it does not know."""
    return "application/openmetrics-text" if "openmetrics" in accept else "text/plain"


class _Maker:
    """Makes metrics with our name before theirs."""

    def __init__(self, registry: Any) -> None:
        self._registry = registry

    def counter(self, name: str, help: str, *labels: str) -> Any:
        from prometheus_client import Counter

        return Counter(name, help, labels, namespace="streamserver", registry=self._registry)

    def gauge(self, name: str, help: str, *labels: str) -> Any:
        """One that is the sum over the workers that live."""
        from prometheus_client import Gauge

        return Gauge(
            name,
            help,
            labels,
            namespace="streamserver",
            registry=self._registry,
            multiprocess_mode="livesum",
        )

    def histogram(self, name: str, help: str, buckets: tuple[float, ...], *labels: str) -> Any:
        from prometheus_client import Histogram

        return Histogram(
            name,
            help,
            labels,
            namespace="streamserver",
            registry=self._registry,
            buckets=buckets,
        )


def _pour(tally: Tally, spread: Any) -> None:
    """Add a whole tally to a histogram, for which the library has no public call."""
    counts, total = tally.take()
    spread._sum.inc(total)
    for bucket, count in zip(spread._buckets, counts, strict=True):
        if count:
            bucket.inc(count)


def forget(pid: int, directory: str) -> None:
    """A worker has died: nothing of it is open any more, while what it has counted stays."""
    from prometheus_client.multiprocess import mark_process_dead

    mark_process_dead(pid, directory)  # type: ignore[no-untyped-call]
