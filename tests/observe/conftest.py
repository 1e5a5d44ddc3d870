"""Metrics of one test's own."""

import pytest
from prometheus_client import CollectorRegistry

from streamserver.observe.metrics import Metrics
from support.figures import Figures


@pytest.fixture
def metrics() -> Metrics:
    """An observer that counts, from nothing on."""
    return Metrics(registry=CollectorRegistry())


@pytest.fixture
def figures(metrics: Metrics) -> Figures:
    """What it tells."""
    return Figures(metrics)
