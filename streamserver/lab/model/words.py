"""How refusals are told to clients of the model's interface: in its words, not as a problem."""

from streamserver.kit.request import Request
from streamserver.kit.response import Response
from streamserver.kit.service import Handler, close
from streamserver.lab.model import shape
from streamserver.wire.problem import HTTPError

BELOW = "/v1/"


def in_its_words(handler: Handler) -> Handler:
    """The handler, which tells errors as clients of this interface expect to be told."""

    async def telling(request: Request) -> Response:
        try:
            return await handler(request)
        except HTTPError as error:
            return Response.json(shape.refusal(error), error.status, error.headers)

    return telling


def with_its_words(handler: Handler) -> Handler:
    """A whole application, wrappers and all: whatever refuses a request below ``/v1``, tells it in
    the model's words."""
    return _WithItsWords(handler)


class _WithItsWords:
    __slots__ = ("_handler", "_telling")

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._telling = in_its_words(handler)

    async def aclose(self) -> None:
        """Have the handler close what it keeps open."""
        await close(self._handler)

    async def __call__(self, request: Request) -> Response:
        telling = self._telling if request.path.startswith(BELOW) else self._handler
        return await telling(request)
