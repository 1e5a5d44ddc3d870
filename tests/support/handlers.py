"""Handlers that many tests have use for."""

from collections.abc import Callable

from streamserver.kit.request import Request
from streamserver.kit.response import Response
from streamserver.kit.service import Handler


async def echo(request: Request) -> Response:
    """Answers with the body; below /unread without a look at it."""
    if request.path == "/unread":
        return Response(b"unread")
    return Response(b"got " + await request.body())


def answering(make: Callable[[], Response]) -> Handler:
    """Answers everything with what this makes."""

    async def handler(request: Request) -> Response:
        return make()

    return handler
