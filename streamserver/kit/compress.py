"""Responses in the content coding that the client prefers (RFC 9110, section 8.4).

A stream is encoded by the engine, each piece flushed as it is written. A body that is known as a
whole is encoded here, and keeps its Content-Length. A file is read and encoded in a thread.

The coded representation is another one than the plain one: it has an entity tag of its own. A
client sends that tag back, and the handler, which does not know it, gets the plain one besides it.
"""

from collections.abc import AsyncIterable, Callable, Sequence
from functools import partial
from typing import Final

from streamserver.kit.coded_file import CodedFile
from streamserver.kit.hints import checked_handler, response_error
from streamserver.kit.request import Request
from streamserver.kit.response import Response
from streamserver.kit.service import Handler, close
from streamserver.kit.slices import Slices, encode_whole
from streamserver.server.answer import FileRegion
from streamserver.wire.coders import stream_coder, whole_compressor
from streamserver.wire.conditions import coded_tag, entity_tags, plain_tags
from streamserver.wire.content_coding import (
    CODINGS,
    Coder,
    Coding,
    available_codings,
    negotiate,
    of_stream,
)
from streamserver.wire.fields import (
    UNBUFFERED,
    Headers,
    add_vary,
    content_codings,
    media_type,
    split_list,
)

MINIMUM_SIZE: Final = 512
"""Bytes below which a body that is known as a whole fits into one segment in any case."""

_PREFIXES = ("text/", "font/")
_SUFFIXES = ("+json", "+xml", "+text", "+yaml")
_TYPES = frozenset(
    f"application/{name}"
    for name in (
        *("json", "ndjson", "x-ndjson", "jsonl", "x-jsonlines", "json-seq", "graphql", "toml"),
        *("xml", "yaml", "x-yaml", "javascript", "x-javascript", "wasm", "vnd.ms-fontobject"),
    )
) | {"image/bmp", "image/vnd.microsoft.icon", "image/x-icon"}
_COMPRESSED_FONTS = frozenset(("font/woff", "font/woff2"))

_NO_CONTENT = frozenset((204, 205, 304))

_DIGESTS = frozenset(("content-digest", "repr-digest", "digest", "content-md5"))
"""Fields, or trailer fields, that are about the bytes that the handler sends."""


def compress(
    handler: Handler, *, minimum_size: int = MINIMUM_SIZE, relayed: bool = False
) -> Handler:
    """``handler``, with responses in the coding that the client prefers: ``compress(app)``.

    zstd and gzip are offered; zstd needs Python 3.14 or the extra ``zstd``. If a client accepts
    both equally, a stream gets gzip, anything else zstd. A stream is flushed with each piece, so
    an event, a line or a token can be decoded when it arrives.

    Text, JSON, XML, scripts, event streams and other types that shrink are encoded; if its length
    is known, a body from ``minimum_size`` bytes on. These are not encoded: a range, a body with a
    Content-Encoding or a digest, a response whose handler has set ``Cache-Control: no-transform``,
    and, unless ``relayed``, what a ``Proxy`` relays. Each response that could be encoded has a Vary
    field.

    Large content is encoded in slices, between which other tasks run, except a piece that a
    producer pushes: a ``StreamController`` encodes it in ``enqueue``.

    A coded response has an entity tag of its own: ``"x-gzip"`` for ``"x"``. The handler gets both
    in If-None-Match and If-Match. Requests over HTTP/1.0 are not answered with a coding.

    The length of a coded response depends on its content. If a response contains a secret, such as
    a token of a form, and also text that somebody else chooses, such as a search term, then that
    person can guess the secret from the lengths of many responses, over TLS too (BREACH). Do not
    compress such responses: set ``no-transform``. Streams are affected too, since each piece is
    a record of its own.

    ValueError for a negative ``minimum_size``.
    """
    if not minimum_size >= 0:
        raise ValueError(f"minimum_size is bytes, 0 or more, not {minimum_size!r}")
    available_codings()  # the libraries are imported now, not by the first request
    return _Compress(checked_handler(handler), minimum_size, relayed)


class _Compress:
    __slots__ = ("_handler", "_minimum_size", "_relayed")

    def __init__(self, handler: Handler, minimum_size: int, relayed: bool) -> None:
        self._handler = handler
        self._minimum_size = minimum_size
        self._relayed = relayed

    async def aclose(self) -> None:
        await close(self._handler)

    async def __call__(self, request: Request) -> Response:
        codings: tuple[Coding, ...] = ()
        if request.exchange.head.minor:
            accepted = request.headers.get("accept-encoding")
            codings = negotiate(accepted, available_codings())
        own_tags = _add_plain_tags(request, codings)
        response = await self._handler(request)
        if not isinstance(response, Response):
            raise response_error(response)
        # A file has its type, its state and its range only now.
        response = response.for_request(request)
        if request.method == "CONNECT" or self._is_left_alone(request, response):
            return response
        if response.status == 304:
            return _not_modified(request, response, codings, own_tags)
        if not self._is_codable(response):
            return response
        response = _copy(response)
        add_vary(response.headers, "Accept-Encoding")
        if not codings or _is_part(response):
            return response
        return await _coded(request, response, codings)

    def _is_left_alone(self, request: Request, response: Response) -> bool:
        if not getattr(response.body, "is_relayed", False):
            return False
        # A client's no-transform is for proxies (RFC 9111, section 5.2.1.6).
        return not self._relayed or _forbids_transforming(request.headers.get("cache-control"))

    def _is_codable(self, response: Response) -> bool:
        """Whether some client would get this response, or the whole of a range, in a coding."""
        headers = response.headers
        if response.status in _NO_CONTENT or not is_compressible(headers.get("content-type")):
            return False
        if _is_final(headers):
            return False
        size = _size(response)
        return size is None or size >= self._minimum_size or _is_part(response)


def is_compressible(content_type: str | None) -> bool:
    """Whether content of this type shrinks."""
    kind = media_type(content_type)
    if kind.startswith(_PREFIXES):
        return kind not in _COMPRESSED_FONTS
    return kind in _TYPES or kind.endswith(_SUFFIXES)


def _is_part(response: Response) -> bool:
    """Whether it is a range, which is a part of the plain representation. It has the Vary field of
    the whole (RFC 9110, section 15.3.7)."""
    return response.status == 206 or "content-range" in response.headers


def _is_final(headers: Headers) -> bool:
    """Whether the content is encoded already, or must stay as it is."""
    if content_codings(headers.get("content-encoding") or ""):
        return True
    trailers = split_list((headers.get("trailer") or "").lower())
    if not _DIGESTS.isdisjoint((*trailers, *dict(headers.items()))):
        return True
    control = headers.get("cache-control")
    # The default of a stream is for those behind this server, and is known by its identity: a
    # handler that sets the same text means it.
    return control is not UNBUFFERED[0][1] and _forbids_transforming(control)


def _forbids_transforming(cache_control: str | None) -> bool:
    return "no-transform" in split_list((cache_control or "").lower())


def _size(response: Response) -> int | None:
    """The length of the content, as far as it is known."""
    body = response.body
    if isinstance(body, bytes) and body:
        return len(body)
    if isinstance(body, FileRegion):
        return body.count
    declared = _declared(response.headers)
    return 0 if declared is None and isinstance(body, bytes) else declared


def _declared(headers: Headers) -> int | None:
    """The Content-Length that the handler has set."""
    text = headers.get("content-length") or ""
    return int(text[:20]) if text.isascii() and text.isdigit() else None


async def _coded(request: Request, response: Response, codings: Sequence[Coding]) -> Response:
    body, headers, coding = response.body, response.headers, codings[0]
    is_stream = False
    if isinstance(body, bytes) and (body or request.method != "HEAD"):
        whole = await encode_whole(body, whole_compressor(coding))
        if len(whole) >= len(body):
            return response
        response.body = whole
    elif isinstance(body, bytes):  # a handler of HEAD, which declares the length for GET
        response.body = _Nothing()
    elif isinstance(body, FileRegion):
        response.body = CodedFile(body, whole_compressor(coding), request.exchange.server)
    else:
        is_stream, coding = True, of_stream(codings)
        make: Callable[[Coding], Coder] = getattr(body, "make_coder", stream_coder)
        response.make_coder = partial(make, coding)
        if isinstance(body, AsyncIterable):
            response.body = slices = Slices(body, response.encode, _declared(headers))
            response.encode = slices.encode
    headers["content-encoding"] = coding
    for name in ("content-length", "accept-ranges"):
        del headers[name]
    etag = headers.get("etag")
    if etag is not None:
        headers["etag"] = coded_tag(etag, coding, is_stream)
    return response


def _copy(response: Response) -> Response:
    """The response to one request: a handler may return the same object for many."""
    copy = Response.of(response.body, response.status, response.headers.copy())
    copy.encode = response.encode
    copy.endless = response.endless
    return copy


# Entity tags


def _add_plain_tags(request: Request, codings: Sequence[Coding]) -> dict[str, str]:
    """Add to the conditions of a request the tags that the handler knows; return the tag that the
    client has of each.

    A response in another coding than those that this client prefers must not be revalidated: a
    cache would send it to this client. A condition of If-Match is about the state alone.
    """
    headers = request.headers
    own_tags: dict[str, str] = {}
    for name, known in (("if-none-match", codings), ("if-match", CODINGS)):
        if value := headers.get(name):
            found = plain_tags(entity_tags(value), known)
            if found:
                added = (name, ", ".join([value, *found]))
                others = [field for field in headers.items() if field[0] != name]
                headers = Headers.of_lower([*others, added], headers.are_well_formed)
                request.headers = headers
                own_tags |= found
    return own_tags


def _not_modified(
    request: Request, response: Response, codings: Sequence[Coding], own_tags: dict[str, str]
) -> Response:
    """With the fields that a 200 would have (RFC 9110, section 15.4.5).

    The tag is that of the representation which the client has. If it accepts a coding and has
    named none, as with If-Modified-Since, the tag is left out: whether the representation would
    be coded is not known here.
    """
    response = _copy(response)
    add_vary(response.headers, "Accept-Encoding")
    etag = (response.headers.get("etag") or "").removeprefix("W/")
    if etag in own_tags:
        response.headers["etag"] = own_tags[etag]
    elif codings and etag not in (request.headers.get("if-none-match") or ""):
        del response.headers["etag"]
    return response


class _Nothing:
    """The body of a response to HEAD whose length for GET is not known."""

    def __aiter__(self) -> "_Nothing":
        return self

    async def __anext__(self) -> bytes:
        raise StopAsyncIteration
