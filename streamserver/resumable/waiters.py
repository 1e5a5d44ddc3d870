"""Clients that wait for the head of an answer."""

import asyncio
from typing import TypeAlias

from streamserver.server.exchange import Exchange
from streamserver.wire.problem import HTTPError
from streamserver.wire.response_heads import ResponseHead

Waiter: TypeAlias = "asyncio.Future[ResponseHead | None]"


class Waiters:
    """The exchanges of one answer whose handlers wait."""

    __slots__ = ("_exchanges",)

    def __init__(self) -> None:
        self._exchanges: dict[Waiter, Exchange] = {}

    def __len__(self) -> int:
        return len(self._exchanges)

    def add(self, exchange: Exchange) -> Waiter:
        """What the handler of an exchange waits for."""
        waiter: Waiter = exchange.server.loop.create_future()
        self._exchanges[waiter] = exchange
        return waiter

    def remove(self, waiter: Waiter) -> None:
        """Forget it: its client has left."""
        self._exchanges.pop(waiter, None)

    def resume_first(self, head: ResponseHead) -> None:
        """Continue the first handler, in this call. It may take over the response."""
        while self._exchanges:
            waiter = next(iter(self._exchanges))
            exchange = self._exchanges.pop(waiter)
            if not waiter.done():
                exchange.resume(waiter, head)
                return exchange.flush_head()

    def resume_all(self) -> None:
        """Continue the handlers, in this call: the answer can be read."""
        exchanges, self._exchanges = self._exchanges, {}
        for waiter, exchange in exchanges.items():
            if not waiter.done():
                exchange.resume(waiter, None)
                exchange.flush_head()

    def refuse_all(self) -> None:
        """The response is no answer, and was taken over: HTTPError 409."""
        detail = "another request with this key got the response, which is not kept"
        self.fail_all(HTTPError(409, detail, headers={"Retry-After": "1"}))

    def fail_all(self, error: Exception) -> None:
        """Raise an error in the handlers."""
        exchanges, self._exchanges = self._exchanges, {}
        for waiter in exchanges:
            if not waiter.done():
                waiter.set_exception(error)
