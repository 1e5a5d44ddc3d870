"""A response, as a handler makes it (after the Fetch standard's ``Response``)."""

import io
import os
from collections.abc import AsyncIterable, Callable, Mapping
from typing import TYPE_CHECKING, Any, BinaryIO, TypeAlias, cast

from streamserver.kit.mistakes import wrong_body
from streamserver.server.answer import Endless, FileRegion, PushBody
from streamserver.wire.fields import UNBUFFERED, Headers, Pairs
from streamserver.wire.json_text import to_json

if TYPE_CHECKING:
    from streamserver.kit.request import Request

Body: TypeAlias = bytes | str | AsyncIterable[Any] | PushBody | BinaryIO | FileRegion
HeadersInit: TypeAlias = Mapping[str, str] | Pairs | None


def is_stream(body: object) -> bool:
    """Whether a body is an async iterable or a push stream."""
    return hasattr(body, "__aiter__") or hasattr(body, "attach")


def _rest_of(file: BinaryIO) -> FileRegion:
    if isinstance(file, io.TextIOBase):
        raise TypeError('a body that is a file must be opened in binary mode: open(path, "rb")')
    try:
        offset = file.tell()
        return FileRegion(file, offset, max(os.fstat(file.fileno()).st_size - offset, 0))
    except (OSError, AttributeError, TypeError) as error:
        problem = f"which this {type(file).__name__} is not"
        raise TypeError(f"a body that is a file must be a file on disk, {problem}") from error


class Response:
    """``body`` is bytes, text (sent as UTF-8), an async iterable of either, a
    ``StreamController`` or an open binary file, which is sent from its position to its end and
    then closed. The engine frames the body: set neither Transfer-Encoding nor Content-Length,
    except the Content-Length of a stream whose length is known.

    TypeError for any other body, a file that is none of the file system's included; ValueError
    for a status that is no whole number from 200 to 999.
    """

    __slots__ = ("body", "encode", "endless", "headers", "status")

    def __init__(self, body: Body = b"", status: int = 200, headers: HeadersInit = None) -> None:
        if not isinstance(status, int) or not 200 <= status <= 999:
            raise ValueError(f"a response's status is 200 to 999, not {status!r}")
        self.status = status
        self.headers = Headers(headers)
        self.encode: Callable[[Any], bytes] | None = None
        self.endless: Endless | None = None
        if isinstance(body, str):
            self._default_type("text/plain; charset=utf-8")
            body = body.encode()
        elif hasattr(body, "fileno"):
            body = _rest_of(cast(BinaryIO, body))
        elif isinstance(body, bytearray | memoryview):
            body = bytes(body)
        elif not isinstance(body, bytes | FileRegion) and not is_stream(body):
            raise wrong_body(_BODY, body)
        self.body: Any = body

    def _default_type(self, content_type: str) -> None:
        if "content-type" not in self.headers:
            self.headers.append("content-type", content_type)

    @classmethod
    def json(cls, value: Any, status: int = 200, headers: HeadersInit = None) -> "Response":
        """``value`` as JSON in UTF-8. TypeError or ValueError for what JSON cannot say."""
        body = to_json(value).encode()
        response = Response(body, status, headers)
        response._default_type("application/json")
        return response

    def for_request(self, request: "Request") -> "Response":
        """What to send to this very request: here itself; a file looks at its range."""
        return self


_BODY = (
    "a body is bytes, str, an async iterable of either, a StreamController or an open binary file"
)
_TEXT = "a TextStream is made of an async iterable of str or a StreamController"


class TextStream(Response):
    """Text as it comes into being, from an async iterable of str (or a ``StreamController``).

    A piece is encoded whole, so a character is never cut; bytes are refused, since nobody
    could promise that of them.
    """

    __slots__ = ()

    def __init__(
        self, chunks: AsyncIterable[str] | PushBody, status: int = 200, headers: HeadersInit = None
    ) -> None:
        if not is_stream(chunks):
            raise wrong_body(_TEXT, chunks)
        super().__init__(chunks, status, headers)
        self._default_type("text/plain; charset=utf-8")
        for name, value in UNBUFFERED:
            if name not in self.headers:
                self.headers.append(name, value)
        self.encode = _encode_text


def _encode_text(piece: object) -> bytes:
    if not isinstance(piece, str):
        raise TypeError(f"a TextStream takes str, not {type(piece).__name__}")
    return piece.encode()
