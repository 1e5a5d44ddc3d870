"""The figures: what an observer is told, counted, and told on to Prometheus.

Three histograms, since they are three questions: how long until something came, how evenly it
went on, how long it lasted. A stream of an hour says nothing about latency.

Labels have few values, whatever clients send: a route is a pattern, never a path.

What a worker counted in the last quarter of a second is lost if it is killed.
"""

import asyncio
from bisect import bisect_left
from collections import defaultdict
from typing import Any

from streamserver.observe.prometheus import OPENMETRICS, PLAIN, Collector, merge
from streamserver.observe.tallies import DURATION, FIRST_BYTE, GAP, LATE, RouteTally, Tally
from streamserver.server.exchange import Exchange
from streamserver.server.observed import ObservedExchange
from streamserver.server.observer import FeedEvent, Observer, UpstreamEvent

PERIOD = 0.25
"""Seconds in which another worker's scrape may not know yet what was counted here."""

METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
LAG = (1, 10, 100, 1_000, 10_000)
NOTHING = "-"
"""The route where there was none, and the status where no head was sent; as in the access log."""


class Metrics(Observer):
    """Counts what it is told, and tells it to Prometheus.

    ``directory``: where several processes count, as `prometheus.DIRECTORY` has told this one.
    ``registry``: a CollectorRegistry, for one alone; by default the library's own, where an app
    may have others.
    ImportError without prometheus-client.
    """

    __slots__ = (
        "_collector",
        "_ended",
        "_exchanges",
        "_feed",
        "_is_idle",
        "_late",
        "_lateness",
        "_one_at_a_time",
        "_refused",
        "_routes",
        "_scrapes",
        "_stalls",
        "_timer",
        "_totals",
        "_upstream",
    )

    sees_streams = True

    def __init__(self, directory: str | None = None, registry: Any = None) -> None:
        self._routes: defaultdict[str, RouteTally] = defaultdict(RouteTally)
        self._ended: defaultdict[tuple[str, str, str, str], int] = defaultdict(int)
        self._late = Tally(LATE)
        self._timer: asyncio.TimerHandle | None = None
        self._is_idle = bool(directory)  # one process alone is up to date when it is asked
        self._scrapes: dict[str, asyncio.Task[tuple[bytes, str]]] = {}
        self._one_at_a_time = asyncio.Lock()
        self._collector = Collector(directory, registry)
        self._make(self._collector)
        self._collector.register()

    def _make(self, make: Collector) -> None:
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
        route = self._routes[exchange.route or NOTHING]
        route.open += 1
        route.open_changed = True
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
        if isinstance(exchange, ObservedExchange) and exchange.is_stream:
            route = self._routes[name]
            route.open -= 1
            route.open_changed = True
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
            self._flush_when_due()

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

        They are read once at a time, however many ask: who asks meanwhile gets the same, also
        when whoever asked first has left.
        """
        # Never the client's own words: the library stumbles over versions that it does not know.
        media_type = OPENMETRICS if OPENMETRICS in accept.lower() else PLAIN
        scrape = self._scrapes.get(media_type)
        if scrape is None:
            scrape = self._scrapes[media_type] = asyncio.create_task(self._scrape(media_type))
            scrape.add_done_callback(lambda _: self._scrapes.pop(media_type))
        return await asyncio.shield(scrape)

    async def _scrape(self, media_type: str) -> tuple[bytes, str]:
        async with self._one_at_a_time:
            self.flush()
            # The library takes some 20 ms for a thousand lines: streams would wait for it.
            return await asyncio.to_thread(self.render, media_type)

    def render(self, media_type: str) -> tuple[bytes, str]:
        """As ``Collector.render``, as of the last ``flush``."""
        return self._collector.render(media_type)

    def _wake(self) -> None:
        self._is_idle = False
        self._timer = asyncio.get_running_loop().call_later(PERIOD, self._flush_when_due)

    def _flush_when_due(self) -> None:
        self._timer = None
        self._is_idle = True
        self.flush()

    def flush(self) -> None:
        """Give the library what has come together."""
        ended, self._ended = self._ended, defaultdict(int)
        for labels, count in ended.items():
            self._exchanges.labels(*labels).inc(count)
        opened, sent, *histograms = self._totals
        for name, route in self._routes.items():
            if route.open_changed:
                opened.labels(name).set(route.open)
                route.open_changed = False
            if route.sent:
                sent.labels(name).inc(route.sent)
                route.sent = 0
            tallies = (route.first_bytes, route.gaps, route.durations)
            for histogram, tally in zip(histograms, tallies, strict=True):
                if tally.is_filled:
                    merge(tally, histogram.labels(name))
        if self._late.is_filled:
            merge(self._late, self._lateness)
