"""The store for the backend of a feed."""

import asyncio

from streamserver.feed.feed import Backend
from streamserver.feed.memory import Memory
from streamserver.feed.redis import Redis
from streamserver.resumable.limits import Limits
from streamserver.resumable.memory import MemoryStore
from streamserver.resumable.ports import Store
from streamserver.resumable.redis import RedisStore


def make_store(backend: Backend, limits: Limits, loop: asyncio.AbstractEventLoop) -> Store:
    """A store of answers in this backend; TypeError for an unknown kind of backend."""
    if isinstance(backend, Memory):
        return MemoryStore(backend, limits, loop)
    if isinstance(backend, Redis):
        return RedisStore(backend, limits)
    raise TypeError(f"answers are kept in Memory() or Redis(url), not in {backend!r}")
