"""Text streaming: character by character, as a chat shows an answer that is being written."""

from collections.abc import AsyncIterator

from streamserver.kit.pace import Pace
from streamserver.kit.params import json_object, number, text
from streamserver.kit.request import Request
from streamserver.kit.response import Response, TextStream

TEXT = text("text", 1, 10_000)
CPS = number("cps", 1, 1000, default=40)


async def type_text(request: Request) -> Response:
    """``POST /api/type`` with ``{"text": "...", "cps": 40}``: the text, 40 characters a second.

    A character is a Unicode code point, and a chunk holds all of its bytes.
    """
    parameters = await json_object(request)
    return TextStream(_typed(TEXT.of(parameters), CPS.of(parameters)))


async def _typed(text: str, cps: float) -> AsyncIterator[str]:
    pace = Pace(1 / cps)
    for n, character in enumerate(text):
        await pace.until(n)
        yield character
