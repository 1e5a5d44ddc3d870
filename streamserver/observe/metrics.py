"""Metrics for Prometheus, counted from what the engine reports to an observer.

Time to the first byte, gaps between pieces and duration are three histograms, since the duration of
a stream is no latency. Clients cannot increase the number of values of a label: a route is a
pattern and not a path. What a worker counted in the last quarter of a second is lost if it is
killed.
"""

import asyncio
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, TypeAlias, get_args

from streamserver.observe.prometheus import OPENMETRICS, PLAIN, Collector, Histogram, Kind, merge
from streamserver.server.exchange import Exchange
from streamserver.server.observed import ObservedExchange
from streamserver.server.observer import FeedEvent, Observer, QueueEnd, UpstreamEvent

FLUSH_INTERVAL = 0.25
"""Seconds until another worker's scrape includes what was counted here."""

METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
FIRST_BYTE = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
"""Seconds to the first byte: from a stored response to a model that reasons first."""
GAP = FIRST_BYTE
"""Seconds between two pieces: from tokens at full speed to the heartbeats of an idle feed."""
LATE = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1, 5)
"""Seconds between the due time of an event and its write: around the resolution of timers."""
DELAY = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
"""Seconds until an event loop serves an event: from one that waits to one that is blocked."""
DURATION = (0.01, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 6 * 3600, 24 * 3600)
"""Seconds that a stream lasts: from a response in two pieces to a feed that is open all day."""
QUEUE = (0.001, 0.01, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 120, 300)
"""Seconds in the queue for an upstream: from a slot that is free to a model that is overloaded."""
LAG = (1, 10, 100, 1_000, 10_000)
"""Events that a reader of a feed was behind."""

NONE = "-"
"""The label of a missing route or status, as in the access log."""


Load: TypeAlias = Callable[[], tuple[Mapping[str, int], int]]
"""The open streams of each upstream of a relay, and how many requests wait for one."""


class RouteMetrics:
    """The streams of one route. ``open_changed``: whether ``open`` changed since the last flush."""

    __slots__ = ("durations", "first_bytes", "gaps", "open", "open_changed", "sent")

    def __init__(self) -> None:
        self.first_bytes = Histogram(FIRST_BYTE)
        self.gaps = Histogram(GAP)
        self.durations = Histogram(DURATION)
        self.sent = 0
        self.open = 0
        self.open_changed = False


class Metrics(Observer):
    """Counts what an observer is called with, and exposes it to Prometheus.

    ``directory``: what several processes share, the value of `prometheus.DIRECTORY` in their
    environment. ``registry``: a CollectorRegistry for one process, by default that of the library,
    where an app may have its own metrics. ImportError without prometheus-client.
    """

    sees_streams = True

    def __init__(self, directory: str | None = None, registry: Any = None) -> None:
        self._routes: defaultdict[str, RouteMetrics] = defaultdict(RouteMetrics)
        self._ended: defaultdict[tuple[str, str, str, str], int] = defaultdict(int)
        self._late = Histogram(LATE)
        self._queue = Histogram(QUEUE)
        self._load: Load | None = None
        self._is_loaded = False  # whether any stream of an upstream was open at the last flush
        self._timer: asyncio.TimerHandle | None = None
        self._is_idle = bool(directory)  # one process alone flushes when it is scraped
        self._scrapes: dict[str, asyncio.Task[tuple[bytes, str]]] = {}
        self._render_lock = asyncio.Lock()
        self._collector = Collector(directory, registry)
        self._create_metrics()
        self._collector.register()

    def _create_metrics(self) -> None:
        counter, gauge, histogram = (
            partial(self._collector.create, kind) for kind in get_args(Kind)
        )
        route = ("route",)
        self._exchanges = counter(
            "exchanges", "Exchanges that have ended.", ("route", "method", "status", "outcome")
        )
        self._open = gauge("open_streams", "Streams that are open.", route)
        self._sent = counter("sent_bytes", "Bytes of bodies sent, without framing.", route)
        self._histograms = [
            histogram(name, help, route, buckets=bounds)
            for name, help, bounds in (
                ("first_byte_seconds", "From a request to its first byte.", FIRST_BYTE),
                ("gap_seconds", "Between two pieces of a body.", GAP),
                ("stream_seconds", "From a request to its stream's end.", DURATION),
            )
        ]
        self._refused = counter("refused_connections", "Connections refused at the limit.")
        self._stalls = counter("write_stalls", "Times that a producer waited for a slow client.")
        self._upstream: dict[UpstreamEvent, Any] = {
            "connect": counter("upstream_connects", "Requests sent on a new connection."),
            "reuse": counter("upstream_reuses", "Requests sent on a pooled connection."),
            "retry": counter(
                "upstream_retries",
                "Requests sent again, on a new connection or to another upstream.",
            ),
            "failure": counter("upstream_failures", "Attempts without a valid response."),
        }
        self._create_load_metrics(counter, gauge, histogram)
        help = "From the due time of an event of the lab's target to its write."
        self._lateness = histogram("late_seconds", help, buckets=LATE)
        help = "Until the event loop serves an event, sampled 20 times a second."
        self._delays = histogram("loop_delay_seconds", help, buckets=DELAY)
        self._readers = gauge("feed_readers", "Readers of feeds.")
        self._gaps = counter("feed_gaps", "Gaps reported to readers of feeds.")
        self._lag = histogram("feed_lag_events", "Events a slow reader was behind.", buckets=LAG)

    def _create_load_metrics(self, counter: Any, gauge: Any, histogram: Any) -> None:
        help = "From a request to its upstream, if that has a limit."
        self._queue_seconds = histogram("upstream_queue_seconds", help, buckets=QUEUE)
        help = "Requests refused, because the queue was full, or late: the wait was too long."
        self._refusals = counter("upstream_queue_refusals", help, ("reason",))
        self._waiting = gauge("upstream_waiting_requests", "Requests that wait for an upstream.")
        help = "Requests that were sent to an upstream and have not ended."
        self._upstream_open = gauge("upstream_open_streams", help, ("upstream",))

    def watch(self, load: Load) -> None:
        """Report the load of upstreams, which is read at each flush, so a request costs nothing."""
        self._load = load

    def began(self, exchange: Exchange) -> None:
        """A stream is open."""
        route = self._routes[exchange.route or NONE]
        route.open += 1
        route.open_changed = True
        if self._is_idle:
            self._schedule_flush()

    def wrote(self, exchange: Exchange, size: int, gap: float) -> None:
        """Called for each piece of a body, so its cost matters."""
        route = self._routes[exchange.route or NONE]
        route.sent += size
        if gap < 0:
            route.first_bytes.observe(exchange.first_byte - exchange.started)
        else:
            gaps = route.gaps  # as Histogram.observe, without the call
            gaps.counts[bisect_left(GAP, gap)] += 1
            gaps.total += gap
        if self._is_idle:
            self._schedule_flush()

    def ended(self, exchange: Exchange) -> None:
        """Count an exchange by its labels."""
        name = exchange.route or NONE
        method = exchange.method if exchange.method in METHODS else "other"
        status = str(exchange.status or NONE)
        self._ended[name, method, status, str(exchange.outcome)] += 1
        if isinstance(exchange, ObservedExchange) and exchange.is_stream:
            route = self._routes[name]
            route.open -= 1
            route.open_changed = True
            route.durations.observe(exchange.ended - exchange.started)
        if self._is_idle:
            self._schedule_flush()

    def refused(self) -> None:
        """A connection was refused."""
        self._refused.inc()

    def write_stalled(self) -> None:
        """A producer waits for a slow client."""
        self._stalls.inc()

    def upstream(self, event: UpstreamEvent) -> None:
        """Each kind of event has a counter."""
        self._upstream[event].inc()

    def queued(self, seconds: float, end: QueueEnd) -> None:
        """The time is that of requests which were not refused."""
        if end == "served":
            self._queue.observe(seconds)
        else:
            self._refusals.labels(end).inc()
        if self._is_idle:
            self._schedule_flush()

    def late(self, seconds: float) -> None:
        """Called for each event of the lab's target."""
        self._late.observe(seconds)
        if self._is_idle:
            self._schedule_flush()

    def loop_delays(self, delays: Sequence[float]) -> None:
        """Called once a second, in another thread: the library's metrics have locks, ours none."""
        histogram = Histogram(DELAY)
        for delay in delays:
            histogram.observe(delay)
        merge(histogram, self._delays)

    def closed(self) -> None:
        """Flush now."""
        if self._timer is not None:
            self._timer.cancel()
            self._end_interval()

    def feed(self, event: FeedEvent, behind: int = 0) -> None:
        """A reader joined or left, got a gap, or was ``behind`` by some events."""
        match event:
            case "joined":
                self._readers.inc()
            case "left":
                self._readers.dec()
            case "gap":
                self._gaps.inc()
            case "lagged" if behind:  # otherwise no event came while its client was slow
                self._lag.observe(behind)

    async def scrape(self, accept: str) -> tuple[bytes, str]:
        """The metrics of all workers and their content type, by the value of an Accept field.

        One scrape runs at a time. Concurrent requests share its result, also if the request that
        began it was cancelled.
        """
        # Not the value of the client: the library fails on versions that it does not know.
        media_type = OPENMETRICS if OPENMETRICS in accept.lower() else PLAIN
        scrape = self._scrapes.get(media_type)
        if scrape is None:
            scrape = self._scrapes[media_type] = asyncio.create_task(self._scrape(media_type))
            scrape.add_done_callback(lambda _: self._scrapes.pop(media_type))
        return await asyncio.shield(scrape)

    async def _scrape(self, media_type: str) -> tuple[bytes, str]:
        async with self._render_lock:
            self.flush()
            # The library takes about 20 ms for a thousand lines: too long for the event loop.
            return await asyncio.to_thread(self.render, media_type)

    def render(self, media_type: str) -> tuple[bytes, str]:
        """``Collector.render``, as of the last ``flush``."""
        return self._collector.render(media_type)

    def _schedule_flush(self) -> None:
        self._is_idle = False
        self._timer = asyncio.get_running_loop().call_later(FLUSH_INTERVAL, self._on_timer)

    def _on_timer(self) -> None:
        self._end_interval()
        if self._is_loaded:  # a stream of an upstream may end without an exchange
            self._schedule_flush()

    def _end_interval(self) -> None:
        self._timer = None
        self._is_idle = True
        self.flush()

    def flush(self) -> None:
        """Pass what was counted to the library."""
        ended, self._ended = self._ended, defaultdict(int)
        for labels, count in ended.items():
            self._exchanges.labels(*labels).inc(count)
        for name, route in self._routes.items():
            if route.open_changed:
                self._open.labels(name).set(route.open)
                route.open_changed = False
            if route.sent:
                self._sent.labels(name).inc(route.sent)
                route.sent = 0
            histograms = (route.first_bytes, route.gaps, route.durations)
            for histogram, target in zip(histograms, self._histograms, strict=True):
                if any(histogram.counts):
                    merge(histogram, target.labels(name))
        merge(self._late, self._lateness)
        merge(self._queue, self._queue_seconds)
        if self._load is not None:
            self._flush_load(*self._load())

    def _flush_load(self, streams: Mapping[str, int], waiting: int) -> None:
        self._waiting.set(waiting)
        for upstream, count in streams.items():
            self._upstream_open.labels(upstream).set(count)
        self._is_loaded = bool(waiting) or any(streams.values())
