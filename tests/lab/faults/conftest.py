"""Tests of faults, on both event loops."""

from collections.abc import Mapping
from typing import Any

import pytest

from support.loops import factory, open_spares


def pytest_asyncio_loop_factories(config: Any, item: Any) -> Mapping[str, Any]:
    """Run tests that are marked `both_loops` on both event loops, others on asyncio's."""
    kinds = ["asyncio", "uvloop"] if item.get_closest_marker("both_loops") else ["asyncio"]
    return {kind: factory(kind) for kind in kinds}


@pytest.fixture(autouse=True)
async def spares() -> None:
    """Open what a loop keeps open, so that it is no leak."""
    await open_spares()
