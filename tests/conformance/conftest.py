"""Servers for conformance tests: many small turns of the loop, and none may go wrong.

asyncio's debug mode keeps a stack for every callback. With a callback for every byte that is
sent it would take most of the time; the rooms' own tests run the same code under it.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from support.inprocess import Serve


@pytest.fixture
async def serve(serve: Serve) -> AsyncIterator[Serve]:
    """The same servers; what asyncio would only log of them fails the test."""
    faults: list[dict[str, Any]] = []
    loop = asyncio.get_running_loop()
    loop.set_debug(False)
    loop.set_exception_handler(lambda _, context: faults.append(context))
    yield serve
    loop.set_exception_handler(None)
    assert faults == []
