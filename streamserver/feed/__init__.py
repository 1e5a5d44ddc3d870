"""Resumable feeds: one append-only log for each topic, each subscriber a position in it."""

from streamserver.feed.feed import Feed
from streamserver.feed.memory import Memory
from streamserver.feed.redis import Redis

__all__ = ["Feed", "Memory", "Redis"]
