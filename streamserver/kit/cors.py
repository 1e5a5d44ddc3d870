"""Responses that pages of other origins may read (Fetch, section 3.2).

The server names the origins that may read a response, and the browser enforces it. Errors need
the fields too, or the page sees a "network error" instead of the reason. And a response that
depends on the origin needs Vary, or a cache sends one origin's response to another.

Therefore this wraps a whole handler, such as a router: everything that it returns or raises gets
the fields. Its exceptions become HTTPErrors here, since the engine could not add them. Requests
that the engine refuses before the handler (a malformed head, too many connections) have none.
"""

import logging
import re
from collections.abc import AsyncIterable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from streamserver.kit.hints import checked_handler, response_error
from streamserver.kit.request import Request
from streamserver.kit.response import Response
from streamserver.kit.service import Handler, close
from streamserver.wire.fields import Headers, add_vary, is_token
from streamserver.wire.problem import HTTPError

log = logging.getLogger("streamserver")

Names = str | Iterable[str]
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")

# As a browser writes it: in lower case, with nothing after the port (WHATWG HTML, section 7.1.1).
is_origin = re.compile(r"[a-z][a-z0-9+.-]*://[^\sA-Z/?#@,]+").fullmatch
"""Whether a text is an origin, such as "https://example.org"."""


def cors(
    handler: Handler,
    *,
    origins: Names,
    methods: Names = METHODS,
    headers: Names = (),
    expose: Names = (),
    credentials: bool = False,
    max_age: int = 600,
) -> Handler:
    """``handler``, with responses that pages of ``origins`` may read: ``cors(app, origins="*")``.

    ``origins``: such as "https://example.org", or "*" for all. ``methods``, ``headers``: those of
    a request beyond the ones that are always allowed (Fetch, section 2.2); "*" for all, except
    Authorization, which must be named. ``expose``: further fields of the response that scripts may
    read. ``credentials``: whether cookies are sent. ``max_age``: seconds that a browser may cache
    the response to a preflight.

    Preflights from these origins are answered here. Requests from others only get Vary.
    ValueError for a malformed origin or token, a negative ``max_age``, and for "*" with
    ``credentials``: the standard does not allow it to open a user's data to every site.
    """
    names = {"methods": methods, "headers": headers, "expose": expose}
    lists = {name: _listed(name, given, is_token, credentials) for name, given in names.items()}
    if max_age < 0:
        raise ValueError(f"max_age is seconds, 0 or more, not {max_age!r}")
    fields = {
        "access-control-allow-credentials": "true" if credentials else "",
        "access-control-expose-headers": ", ".join(lists["expose"]),
    }
    preflight = {
        "access-control-allow-methods": ", ".join(lists["methods"]),
        "access-control-allow-headers": ", ".join(lists["headers"]),
        "access-control-max-age": str(max_age),
    }
    allowed = frozenset(_listed("origins", origins, is_origin, credentials))
    return _Cors(checked_handler(handler), allowed, fields, preflight)


@dataclass(frozen=True, slots=True)
class _Cors:
    handler: Handler
    origins: frozenset[str]
    fields: dict[str, str]
    """Of every response to an allowed origin, unless empty."""
    preflight: dict[str, str]
    """Of the response to a preflight, unless empty (Fetch, section 3.2.3)."""

    async def aclose(self) -> None:
        await close(self.handler)

    async def __call__(self, request: Request) -> Response:
        origin = request.headers.get("origin")
        if self.allows(origin) and _is_preflight(request):
            response = Response(status=204)
            self.add_fields(response.headers, origin, self.preflight)
            return response
        errors = _Errors(self, origin, request)
        with errors:
            response = await self.handler(request)
            if not isinstance(response, Response):
                raise response_error(response)
            # A missing file and an unsatisfiable range are only detected here.
            response = response.for_request(request)
        self.add_fields(response.headers, origin)
        if self.allows(origin) and isinstance(response.body, AsyncIterable):
            response.body = _Pieces(response.body, errors)
        return response

    def allows(self, origin: str | None) -> bool:
        return origin is not None and bool({origin, "*"} & self.origins)

    def add_fields(
        self, headers: Headers, origin: str | None, more: Mapping[str, str] = {}
    ) -> None:
        """Add the fields of a response to this origin."""
        if "*" not in self.origins:
            add_vary(headers, "Origin")
        if origin is not None and self.allows(origin):
            headers["access-control-allow-origin"] = "*" if "*" in self.origins else origin
            for name, value in (*more.items(), *self.fields.items()):
                if value:
                    headers[name] = value


class _Errors:
    """Adds the fields to an HTTPError; logs any other exception, as the engine would, and makes it
    an HTTPError 500."""

    __slots__ = ("_cors", "_exchange", "_origin")

    def __init__(self, cors: _Cors, origin: str | None, request: Request) -> None:
        self._cors = cors
        self._origin = origin
        self._exchange = request.exchange

    def __enter__(self) -> None: ...

    def __exit__(self, _: object, error: BaseException | None, traceback: object) -> None:
        if isinstance(error, HTTPError):
            # The same object: the engine checks whether the request body raised it.
            self._add_fields(error)
        elif isinstance(error, Exception) and not isinstance(error, StopAsyncIteration):
            log.error("%s failed", self._exchange.name, exc_info=error)
            answer = HTTPError(500, "the server failed to answer this request")
            self._add_fields(answer)
            raise answer from error

    def _add_fields(self, error: HTTPError) -> None:
        headers = Headers(error.headers)
        self._cors.add_fields(headers, self._origin)
        error.headers = dict(headers.items())


class _Pieces:
    """The pieces of a body; an exception before the first one gets the fields."""

    __slots__ = ("_errors", "_pieces")

    def __init__(self, pieces: AsyncIterable[Any], errors: _Errors) -> None:
        self._pieces = aiter(pieces)
        self._errors = errors

    def __aiter__(self) -> "_Pieces":
        return self

    async def __anext__(self) -> Any:
        with self._errors:
            return await anext(self._pieces)

    async def aclose(self) -> None:
        if (close := getattr(self._pieces, "aclose", None)) is not None:
            await close()


def _is_preflight(request: Request) -> bool:
    """Whether a browser asks for permission first (Fetch, section 3.2.2)."""
    return request.method == "OPTIONS" and "access-control-request-method" in request.headers


def _listed(
    argument: str, names: Names, is_valid: Callable[[str], object], credentials: bool
) -> tuple[str, ...]:
    listed = (names,) if isinstance(names, str) else tuple(names)
    if credentials and "*" in listed:
        raise ValueError(f'with credentials, {argument} must be named one by one, without "*"')
    for name in listed:
        if name != "*" and not is_valid(name):
            form = 'https://example.org, or "*"' if argument == "origins" else 'a token, or "*"'
            raise ValueError(f"cors {argument}: {name!r} is not of the form {form}")
    return listed
