"""Each fault on either loop."""

from collections.abc import Mapping
from typing import Any

import pytest

from support.loops import factory, open_spares


def pytest_asyncio_loop_factories(config: Any, item: Any) -> Mapping[str, Any]:
    """Tests that are marked `both_loops` run on either loop, others on asyncio's own."""
    kinds = ["asyncio", "uvloop"] if item.get_closest_marker("both_loops") else ["asyncio"]
    return {kind: factory(kind) for kind in kinds}


@pytest.fixture(autouse=True)
async def spares() -> None:
    """What a loop opens for good is no leak."""
    await open_spares()
