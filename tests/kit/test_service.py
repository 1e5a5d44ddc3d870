"""A handler and what is closed after it."""

import pytest

from streamserver.kit.request import Request
from streamserver.kit.response import Response
from streamserver.kit.service import Closing, close
from support.asking import ask
from support.inprocess import Serve


class Handler:
    """Answers, and reports that it was closed."""

    def __init__(self, closed: list[str]) -> None:
        self.closed = closed

    async def __call__(self, request: Request) -> Response:
        return Response("hello")

    async def aclose(self) -> None:
        self.closed.append("handler")
        raise RuntimeError("of the handler")


async def test_the_handler_is_closed_first_and_all_else_in_order() -> None:
    closed: list[str] = []

    async def first() -> None:
        closed.append("first")

    async def second() -> None:
        closed.append("second")

    closing = Closing(Handler(closed), first, second)
    with pytest.raises(RuntimeError, match="of the handler"):
        await close(closing)
    assert closed == ["handler", "first", "second"]


async def test_it_answers_as_the_handler_does(serve: Serve) -> None:
    async def handler(request: Request) -> Response:
        return Response(request.target)

    server = await serve(Closing(handler))
    assert (await ask(server, "/x")).body == b"/x"
