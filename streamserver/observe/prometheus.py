"""Prometheus' client library (the extra ``metrics``), as far as it is used here.

With several workers each counts in files of its own in one directory, and the worker that is
scraped reads the files of all: the library's multiprocess mode. The library reads the name of the
directory from the environment when it is imported, so the variable must be set before a process
starts. (Its multiprocess part has no types, which mypy has to ignore.)
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import Any, Literal

DIRECTORY = "PROMETHEUS_MULTIPROC_DIR"
"""The environment variable with the directory that several processes share."""

PLAIN = "text/plain"
OPENMETRICS = "application/openmetrics-text"

Kind = Literal["Counter", "Gauge", "Histogram"]


class Histogram:
    """Counts of values per bucket, in plain numbers, until they are passed to the library.

    A metric of the library takes a lock at each step, and packs bytes if several processes share
    its file: 2 or 6 µs, where the write of a piece of a stream costs 3. This takes a tenth of that.
    ``bounds`` are inclusive upper bounds; ``counts`` has one more element, for larger values.
    """

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def observe(self, value: float) -> None:
        """Count a value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    def flush(self) -> tuple[list[int], float]:
        """The counts and the sum of the values since the last call."""
        flushed = self.counts, self.total
        self.counts = [0] * len(self.counts)
        self.total = 0.0
        return flushed


class Collector:
    """The metrics of this package, as one collector of a registry; ``directory`` and ``registry``
    as in ``Metrics``.

    Registered one by one, each counter would expose its time of creation too, as a series that
    doubles the lines. The library's switch for these also affects the metrics of an app.
    """

    def __init__(self, directory: str | None, registry: Any) -> None:
        from prometheus_client import REGISTRY

        self._directory = directory
        self._registry = registry or REGISTRY
        self._metrics: list[Any] = []

    def create(
        self, kind: Kind, name: str, help: str, labels: Sequence[str] = (), **options: Any
    ) -> Any:
        """A metric of the library; a gauge is summed over the running workers."""
        import prometheus_client

        if kind == "Gauge":
            options["multiprocess_mode"] = "livesum"
        metric_type = getattr(prometheus_client, kind)
        metric = metric_type(name, help, labels, namespace="streamserver", registry=None, **options)
        self._metrics.append(metric)
        return metric

    def register(self) -> None:
        """Join the registry, unless several processes count: their metrics are read from files.

        ValueError if the registry has metrics with these names.
        """
        if self._directory is None:
            self._registry.register(self)

    def describe(self) -> Iterator[Any]:
        """The names of the metrics, for the registry."""
        for metric in self._metrics:
            yield from metric.describe()

    def collect(self) -> Iterator[Any]:
        """The values of the metrics, for the registry."""
        for metric in self._metrics:
            for family in metric.collect():
                samples = [each for each in family.samples if not each.name.endswith("_created")]
                family.samples = samples
                yield family

    def render(self, media_type: str) -> tuple[bytes, str]:
        """All metrics of the registry, or of all processes, as PLAIN or OPENMETRICS, and the
        content type with its version. Can be called in any thread."""
        from prometheus_client import CollectorRegistry
        from prometheus_client.exposition import choose_encoder
        from prometheus_client.multiprocess import MultiProcessCollector

        registry = self._registry
        if self._directory is not None:
            registry = CollectorRegistry()
            MultiProcessCollector(registry, self._directory)  # type: ignore[no-untyped-call]  # theirs
        encode, content_type = choose_encoder(media_type)
        return encode(registry), content_type


def merge(histogram: Histogram, target: Any) -> None:
    """Flush a histogram to one of the library, which has no public call for it."""
    counts, total = histogram.flush()
    target._sum.inc(total)
    for bucket, count in zip(target._buckets, counts, strict=True):
        if count:
            bucket.inc(count)


def process_ended(pid: int, directory: str) -> None:
    """Drop the gauges of a process that has ended; its counters stay."""
    from prometheus_client.multiprocess import mark_process_dead

    mark_process_dead(pid, directory)  # type: ignore[no-untyped-call]  # theirs
