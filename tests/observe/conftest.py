"""Metrics of one test's own."""

import pytest
from prometheus_client import CollectorRegistry

from streamserver.observe.metrics import Metrics
from support.figures import Figures


@pytest.fixture
def metrics() -> Metrics:
    """An observer with a registry of its own."""
    return Metrics(registry=CollectorRegistry())


@pytest.fixture
def figures(metrics: Metrics) -> Figures:
    """Its values."""
    return Figures(metrics)
