"""A server that keeps answers in memory, with default limits."""

import itertools
from collections.abc import AsyncIterator

import pytest

from streamserver.resumable import redis
from support.resuming import Kept, keeping

LEASE = 0.4
_names = itertools.count()


@pytest.fixture
async def kept() -> AsyncIterator[Kept]:
    async with keeping() as kept:
        yield kept


@pytest.fixture
def prefix(monkeypatch: pytest.MonkeyPatch) -> str:
    """Of all keys in Redis of a test, whose leases are short."""
    monkeypatch.setattr(redis, "LEASE", LEASE)
    return f"shared-{next(_names)}:"
