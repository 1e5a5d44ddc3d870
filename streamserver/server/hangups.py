"""Detect clients that leave while reading from them is paused.

The loop does not watch the socket of a paused transport. It sees neither a FIN nor a reset
behind unread data, and a silent stream would continue for ever. Linux can watch a socket for the
peer's end alone, without its data: a second epoll holds the paused sockets, and is itself one
descriptor that the loop watches. Elsewhere such a client is detected at the next write to it.
"""

import asyncio
import select
from collections.abc import Callable
from contextlib import suppress
from typing import Generic, TypeVar

Owner = TypeVar("Owner")


class Hangups(Generic[Owner]):
    """Calls ``gone(owner)`` once for each watched socket whose peer has closed or reset."""

    __slots__ = ("_epoll", "_gone", "_loop", "_watched")

    def __init__(self, loop: asyncio.AbstractEventLoop, gone: Callable[[Owner], object]) -> None:
        self._loop = loop
        self._gone = gone
        self._watched: dict[int, Owner] = {}
        self._epoll: select.epoll | None = None
        if hasattr(select, "epoll"):
            self._epoll = select.epoll()
            loop.add_reader(self._epoll.fileno(), self._poll)

    def watch(self, descriptor: int, owner: Owner) -> None:
        """Watch a socket until its peer leaves, or until ``unwatch``."""
        if self._epoll is not None:
            with suppress(OSError, ValueError):  # closed by now, or watched already
                self._epoll.register(descriptor, select.EPOLLRDHUP)
                self._watched[descriptor] = owner

    def unwatch(self, descriptor: int) -> None:
        """Stop watching."""
        if self._epoll is not None and self._watched.pop(descriptor, None) is not None:
            with suppress(OSError, ValueError):  # the kernel forgets what was closed
                self._epoll.unregister(descriptor)

    def close(self) -> None:
        """Stop watching all sockets."""
        self._watched.clear()
        if self._epoll is not None:
            self._loop.remove_reader(self._epoll.fileno())
            self._epoll.close()
            self._epoll = None

    def _poll(self) -> None:
        assert self._epoll is not None
        for descriptor, _ in self._epoll.poll(0):
            owner = self._watched.get(descriptor)
            self.unwatch(descriptor)
            if owner is not None:
                self._gone(owner)
