"""From handlers, which know requests and responses, to the engine, which knows exchanges."""

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import TypeAlias

from streamserver.kit.hints import checked_handler, response_error
from streamserver.kit.request import Request
from streamserver.kit.response import Response
from streamserver.server.exchange import Exchange
from streamserver.server.state import Handler as EngineHandler

Handler: TypeAlias = Callable[[Request], Awaitable[Response]]


async def close(handler: object) -> None:
    """Let a handler close what it keeps open beyond its requests, if it has an ``aclose``."""
    if (aclose := getattr(handler, "aclose", None)) is not None:
        await aclose()


class Closing:
    """``handler``, and what is awaited after its own ``aclose``, in this order; an exception is
    raised after the others."""

    __slots__ = ("_closes", "_handler")

    def __init__(self, handler: Handler, *closes: Callable[[], Awaitable[object]]) -> None:
        self._handler = handler
        self._closes = closes

    def __call__(self, request: Request) -> Awaitable[Response]:
        return self._handler(request)

    async def aclose(self) -> None:
        """Close everything."""
        async with AsyncExitStack() as stack:
            for callback in reversed(self._closes):
                stack.push_async_callback(callback)
            await close(self._handler)


def service(handler: Handler) -> EngineHandler:
    """What a ``Listener`` takes, made of what people write; TypeError for what is no handler."""
    checked = checked_handler(handler)

    async def serve(exchange: Exchange) -> Response:
        request = Request(exchange)
        response = await checked(request)
        if not isinstance(response, Response):
            raise response_error(response)
        return response if type(response) is Response else response.for_request(request)

    return serve
