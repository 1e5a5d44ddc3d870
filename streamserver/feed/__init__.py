"""A feed that can be resumed: one append-only log, each subscriber a position in it."""

from streamserver.feed.feed import Feed
from streamserver.feed.memory import Memory
from streamserver.feed.redis import Redis

__all__ = ["Feed", "Memory", "Redis"]
