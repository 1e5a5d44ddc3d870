"""An upstream's own error that comes after the client was sent an early head.

Its status can no longer be the client's, so it is collected, up to a limit, and reported in an
event.
"""

import json
import zlib
from typing import Any, NoReturn

from streamserver.proxy.failure_events import Failure
from streamserver.wire.fields import Headers, content_codings
from streamserver.wire.json_text import to_json
from streamserver.wire.response_heads import ResponseHead

MAX_BODY = 16 * 1024
"""Bytes of the body that are reported, before and after decoding: error texts are short."""


def is_error(head: ResponseHead) -> bool:
    """Whether an answer is an error that an event can report."""
    return 400 <= head.status <= 599


class LateAnswer:
    """Collects the body of an error."""

    __slots__ = ("_body", "_head")

    def __init__(self, head: ResponseHead) -> None:
        self._head = head
        self._body = bytearray()

    @property
    def status(self) -> int:
        """Its status, 400 to 599."""
        return self._head.status

    @property
    def is_full(self) -> bool:
        """Whether no more of the body will be reported."""
        return len(self._body) >= MAX_BODY

    def feed(self, piece: bytes) -> None:
        """Take a piece of the body, as far as there is room."""
        self._body += piece[: MAX_BODY - len(self._body)]

    @property
    def detail(self) -> str:
        """The answer in one sentence."""
        return f"the upstream answered {self.status}"

    def failure(self) -> Failure:
        """The answer, with what has come of its body."""
        fields = Headers.of_lower(self._head.fields)
        text = _decoded(bytes(self._body), content_codings(fields.get("content-encoding") or ""))
        return Failure(
            self.status,
            self.detail,
            True,
            fields.get("retry-after") or "",
            _json(text) if text else None,
        )


def _decoded(body: bytes, codings: list[str]) -> str:
    """The body as text; "" for a coding that is unknown here, and for damaged data."""
    if codings:
        if codings not in (["gzip"], ["x-gzip"], ["deflate"]):
            return ""
        try:
            body = zlib.decompressobj(32 + zlib.MAX_WBITS).decompress(body, MAX_BODY)
        except zlib.error:
            return ""
    return body.decode(errors="replace")


def _json(text: str) -> Any:
    """The value that a JSON text has, if it can be written as JSON again; else the text."""
    try:
        value = json.loads(text, parse_constant=_refuse_constant)
        to_json(value).encode()
    except (ValueError, RecursionError):
        return text
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")
