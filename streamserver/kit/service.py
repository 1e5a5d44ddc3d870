"""From handlers, which know requests and responses, to the engine, which knows exchanges."""

from collections.abc import Awaitable, Callable
from typing import TypeAlias

from streamserver.kit.request import Request
from streamserver.kit.response import Response
from streamserver.server.exchange import Exchange
from streamserver.server.shared import Handler as EngineHandler

Handler: TypeAlias = Callable[[Request], Awaitable[Response]]


async def close(handler: object) -> None:
    """Let a handler close what it keeps open beyond its requests, if it has an ``aclose``."""
    if (aclose := getattr(handler, "aclose", None)) is not None:
        await aclose()


def service(handler: Handler) -> EngineHandler:
    """What a ``Listener`` takes, made of what people write."""

    async def serve(exchange: Exchange) -> Response:
        request = Request(exchange)
        response = await handler(request)
        if not isinstance(response, Response):
            raise TypeError(f"a handler returns a Response, not {response!r}")
        return response.for_request(request)

    return serve
