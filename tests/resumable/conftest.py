"""A server that keeps answers in memory, with default limits."""

from collections.abc import AsyncIterator

import pytest

from support.resuming import Kept, keeping


@pytest.fixture
async def kept() -> AsyncIterator[Kept]:
    async with keeping() as kept:
        yield kept
