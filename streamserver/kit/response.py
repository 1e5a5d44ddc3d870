"""A response, named after the Fetch standard's ``Response``."""

import io
import os
from collections.abc import AsyncIterable, Callable, Mapping
from typing import Any, BinaryIO, TypeAlias, cast

from streamserver.kit.hints import body_error
from streamserver.kit.request import Request
from streamserver.server.answer import Endless, FileRegion, PushBody
from streamserver.wire.content_coding import Coder
from streamserver.wire.fields import UNBUFFERED, Headers, Pairs
from streamserver.wire.json_text import to_json

Body: TypeAlias = bytes | str | AsyncIterable[Any] | PushBody | BinaryIO | FileRegion
"""What a handler may send: bytes, text, pieces, a push stream or a file."""
HeadersInit: TypeAlias = Mapping[str, str] | Pairs | None

_TEXT = (("content-type", "text/plain; charset=utf-8"),)
_JSON = (("content-type", "application/json"),)


class Response:
    """``body`` is bytes, text (sent as UTF-8), an async iterable of either, a ``StreamController``,
    or an open binary file, which is sent from its position to its end and then closed.

    The engine frames the body: set neither Transfer-Encoding nor Content-Length, except the
    Content-Length of a stream of known length. TypeError for any other body; ValueError for a
    status that is no whole number from 200 to 999.
    """

    __slots__ = ("body", "encode", "endless", "headers", "make_coder", "status")

    def __init__(self, body: Body = b"", *, status: int = 200, headers: HeadersInit = None) -> None:
        if not isinstance(status, int) or not 200 <= status <= 999:
            raise ValueError(f"a response's status is 200 to 999, not {status!r}")
        self.status = status
        self.headers = Headers(headers)
        self.encode: Callable[[Any], bytes] | None = None
        self.endless: Endless | None = None
        self.make_coder: Callable[[], Coder] | None = None
        is_sent_as_it_is = type(body) is bytes or hasattr(body, "__aiter__")
        self.body: Body = body if is_sent_as_it_is else self._converted(body)

    @classmethod
    def of(cls, body: Body, status: int, headers: Headers) -> "Response":
        """Adopt a body, a status and headers that need no check."""
        response = cls.__new__(cls)
        response.status = status
        response.headers = headers
        response.encode = response.endless = response.make_coder = None
        response.body = body
        return response

    def _converted(self, body: Body) -> Body:
        if isinstance(body, str):
            self._set_defaults(_TEXT)
            return body.encode()
        if hasattr(body, "fileno"):
            return _rest_of(cast(BinaryIO, body))
        if isinstance(body, bytearray | memoryview):
            return bytes(body)
        if not isinstance(body, bytes | FileRegion) and not is_stream(body):
            raise body_error(_BODY, body)
        return body

    def _set_defaults(self, fields: tuple[tuple[str, str], ...]) -> None:
        """Add the fields, named in lower case, that the handler has not set."""
        headers = self.headers
        if not headers:
            self.headers = Headers.of_lower([*fields])
            return
        for name, value in fields:
            if name not in headers:
                headers.append(name, value)

    @classmethod
    def json(cls, value: Any, *, status: int = 200, headers: HeadersInit = None) -> "Response":
        """``value`` as JSON in UTF-8. TypeError or ValueError for a value that JSON lacks."""
        response = Response(to_json(value).encode(), status=status, headers=headers)
        response._set_defaults(_JSON)
        return response

    def for_request(self, request: Request) -> "Response":
        """The response to this request. A subclass overrides it if that depends on the request."""
        return self


class TextStream(Response):
    """Text from an async iterable of str or a ``StreamController``.

    Each piece is encoded whole, so no character is cut. Bytes are refused: they could cut one.
    """

    __slots__ = ()

    def __init__(
        self,
        chunks: AsyncIterable[str] | PushBody,
        *,
        status: int = 200,
        headers: HeadersInit = None,
    ) -> None:
        if not is_stream(chunks):
            raise body_error(_CHUNKS, chunks)
        super().__init__(chunks, status=status, headers=headers)
        self._set_defaults(_TEXT + UNBUFFERED)
        self.encode = _encode_text


def _encode_text(piece: object) -> bytes:
    if not isinstance(piece, str):
        raise TypeError(f"a TextStream takes str, not {type(piece).__name__}")
    return piece.encode()


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


_BODY = (
    "a body is bytes, str, an async iterable of either, a StreamController or an open binary file"
)
_CHUNKS = "a TextStream is made of an async iterable of str or a StreamController"
