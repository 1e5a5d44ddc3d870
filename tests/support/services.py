"""Services whose own interfaces the target does not have, scripted after their documents."""

import asyncio
import re
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Any

from streamserver.kit.params import json_object
from streamserver.kit.request import Request
from streamserver.kit.response import Response
from support.recorded import Recorded
from support.recorded_streams import GEMINI, NATIVE


@dataclass(slots=True)
class Services:
    """Gemini, Text Generation Inference and the server of llama.cpp."""

    asked: list[tuple[Request, dict[str, Any]]] = field(default_factory=list)
    """The requests with their bodies."""

    async def __call__(self, request: Request) -> Response:
        """A streamed answer in the interface of the request; 404 for any other."""
        body = dict(await json_object(request))
        self.asked.append((request, body))
        found = _recorded(request.target, body)
        if found is None:
            return Response(b"no such service", status=404)
        return Response(_events(found), headers=[("content-type", found.kind)])


async def _events(recorded: Recorded) -> AsyncGenerator[bytes, None]:
    """The events of an answer, one after the other."""
    for event in re.split(r"(?<=\n\n)|(?<=\r\n\r\n)", recorded.body):
        yield event.encode()
        await asyncio.sleep(0.002)


def _recorded(target: str, body: dict[str, Any]) -> Recorded | None:
    native = {one.name: one for one in NATIVE}
    if target.startswith("/v1beta/models/") and target.endswith(":streamGenerateContent?alt=sse"):
        return GEMINI[0] if "contents" in body else None
    if target == "/generate_stream":
        return native["TGI"] if "inputs" in body else None
    if target == "/completion":
        return native["llama.cpp"] if "prompt" in body and body.get("stream") is True else None
    return None
