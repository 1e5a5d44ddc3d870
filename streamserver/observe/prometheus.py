"""All that is asked of Prometheus' client library: the extra ``metrics``.

Several workers count each into files of its own in one directory, and whichever of them is
asked answers for all: the library's multiprocess mode. The library looks for the directory's
name in the environment when it is first imported; so it must be there before this process
begins. (Its multiprocess part has no types, which mypy has to ignore.)
"""

from collections.abc import Iterator, Sequence
from typing import Any

from streamserver.observe.tallies import Tally

DIRECTORY = "PROMETHEUS_MULTIPROC_DIR"
"""The environment variable that names the directory in which several processes count."""

PLAIN = "text/plain"
OPENMETRICS = "application/openmetrics-text"


class Collector:
    """Metrics with our name before theirs, which a registry of the library has as one collector.

    Each by itself would come with the time of its creation, in a line of its own: for counters
    that is every second line, and a series to be stored. The library's switch for those turns
    them off for all that the process counts, an app's own metrics too.

    ``directory`` and ``registry`` are as ``Metrics`` has them.
    """

    __slots__ = ("_directory", "_metrics", "_registry")

    def __init__(self, directory: str | None, registry: Any) -> None:
        from prometheus_client import REGISTRY

        self._directory = directory
        self._registry = registry or REGISTRY
        self._metrics: list[Any] = []

    def counter(self, name: str, help: str, *labels: str) -> Any:
        """One that only grows."""
        from prometheus_client import Counter

        return self._made(Counter, name, help, labels)

    def gauge(self, name: str, help: str, *labels: str) -> Any:
        """One that is the sum over the workers that live."""
        from prometheus_client import Gauge

        return self._made(Gauge, name, help, labels, multiprocess_mode="livesum")

    def histogram(self, name: str, help: str, buckets: tuple[float, ...], *labels: str) -> Any:
        """One to ``merge`` tallies into that have these bounds."""
        from prometheus_client import Histogram

        return self._made(Histogram, name, help, labels, buckets=buckets)

    def _made(self, kind: Any, name: str, help: str, labels: Sequence[str], **options: Any) -> Any:
        made = kind(name, help, labels, namespace="streamserver", registry=None, **options)
        self._metrics.append(made)
        return made

    def register(self) -> None:
        """Join the registry, with all that was made; where several processes count none is needed.

        ValueError if others there have our names.
        """
        if self._directory is None:
            self._registry.register(self)

    def describe(self) -> Iterator[Any]:
        """Which names we have, as the registry asks."""
        for metric in self._metrics:
            yield from metric.describe()

    def collect(self) -> Iterator[Any]:
        """What is counted, as the registry asks."""
        for metric in self._metrics:
            for family in metric.collect():
                samples = [each for each in family.samples if not each.name.endswith("_created")]
                family.samples = samples
                yield family

    def render(self, media_type: str) -> tuple[bytes, str]:
        """All that the registry has, or all processes have, as PLAIN or OPENMETRICS; and the
        content type of that, with its version. May be called in any thread."""
        from prometheus_client import CollectorRegistry
        from prometheus_client.exposition import choose_encoder
        from prometheus_client.multiprocess import MultiProcessCollector

        registry = self._registry
        if self._directory is not None:
            registry = CollectorRegistry()
            MultiProcessCollector(registry, self._directory)  # type: ignore[no-untyped-call]  # theirs
        encode, content_type = choose_encoder(media_type)
        return encode(registry), content_type


def merge(tally: Tally, histogram: Any) -> None:
    """Move what a tally holds to a histogram, for which the library has no public call."""
    counts, total = tally.flush()
    histogram._sum.inc(total)
    for bucket, count in zip(histogram._buckets, counts, strict=True):
        if count:
            bucket.inc(count)


def process_ended(pid: int, directory: str) -> None:
    """Nothing of this process is open any more, while what it has counted stays."""
    from prometheus_client.multiprocess import mark_process_dead

    mark_process_dead(pid, directory)  # type: ignore[no-untyped-call]  # theirs
