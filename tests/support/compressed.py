"""Responses through ``compress``, and their content."""

from collections.abc import Mapping
from typing import Any

from streamserver.kit.compress import compress
from streamserver.kit.response import Response
from support.asking import Answered, ask
from support.content_decoding import content_decoder
from support.handlers import answering
from support.inprocess import Serve

TEXT = "all work and no play makes a dull text\n" * 40
GZIP = {"Accept-Encoding": "gzip"}


def decoded(answer: Answered) -> bytes:
    """The content of a whole body, in whichever coding it has."""
    coding = answer.headers.get("content-encoding")
    if coding is None:
        return answer.body
    decoder = content_decoder(coding)
    content = decoder.feed(answer.body)
    assert decoder.is_complete
    return content


async def answered(
    serve: Serve, response: Response, fields: Mapping[str, str] = GZIP, **options: Any
) -> Answered:
    """What a client gets of this response."""
    server = await serve(compress(answering(lambda: response), **options))
    return await ask(server, "/", fields=fields)
