"""What the bodies of tests are made of."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any


async def pulled(*items: Any, until: asyncio.Event | None = None) -> AsyncIterator[Any]:
    for item in items:
        yield item
        await asyncio.sleep(0)
    if until is not None:
        await until.wait()
