"""The values of a scrape, parsed by the client library."""

from prometheus_client.parser import text_string_to_metric_families

from streamserver.observe.metrics import Metrics
from streamserver.observe.prometheus import PLAIN


def figure(scraped: str, name: str, **labels: str) -> float:
    """The sum of all samples of this name, less its prefix, that have these labels."""
    return sum(
        sample.value
        for family in text_string_to_metric_families(scraped)
        for sample in family.samples
        if sample.name == f"streamserver_{name}" and labels.items() <= sample.labels.items()
    )


class Figures:
    """The current values of the metrics of one process."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def __call__(self, name: str, **labels: str) -> float:
        """As ``figure``."""
        self._metrics.flush()
        return figure(self._metrics.render(PLAIN)[0].decode(), name, **labels)
