"""Text streaming: a text returned character by character, at a fixed rate."""

from collections.abc import AsyncIterator

from streamserver.kit.pace import Pace
from streamserver.kit.params import json_object, number, text
from streamserver.kit.request import Request
from streamserver.kit.response import Response, TextStream

TEXT = text("text", 1, 10_000)
CPS = number("cps", 1, 1000, default=40)


async def type_text(request: Request) -> Response:
    """``POST /api/type`` with ``{"text": "...", "cps": 40}``: 40 characters per second.

    A character is a Unicode code point. A chunk contains whole characters.
    """
    parameters = await json_object(request)
    return TextStream(_typed(TEXT.of(parameters), CPS.of(parameters)))


async def _typed(text: str, cps: float) -> AsyncIterator[str]:
    pace = Pace(1 / cps)
    for n, character in enumerate(text):
        await pace.until(n)
        yield character
