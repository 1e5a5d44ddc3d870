"""Answers that pages of other origins may read (Fetch standard, section 3.2).

The server says who may read an answer, and the browser keeps to it. Two things are easily
forgotten. An error needs these fields too, or the page sees a "network error" where the
server gave its reason. And an answer that depends on the origin must say so with Vary, or a
cache hands one origin's answer to another.

So this is a wrapper around a whole handler, a router for example, and not something that a
handler does: whatever the handler returns or raises passes through here. What goes wrong is
made an HTTPError already here, for that is where fields can be added to it.

What the engine refuses before any handler runs (a broken head, too many connections) has no
fields of these.
"""

import logging
import re
from collections.abc import AsyncIterable, Callable, Iterable
from typing import Any, TypeGuard

from streamserver.kit.mistakes import checked_handler, wrong_response
from streamserver.kit.request import Request
from streamserver.kit.response import Response
from streamserver.kit.service import Handler, close
from streamserver.wire.fields import Headers, is_token, split_list
from streamserver.wire.problem import HTTPError

log = logging.getLogger("streamserver")

Names = str | Iterable[str]
Fields = list[tuple[str, str]]
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")

# As a browser writes it: in lower case, with nothing after the port (WHATWG HTML, section 7.1.1).
_origin = re.compile(r"[a-z][a-z0-9+.-]*://[^\sA-Z/?#@,]+").fullmatch


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
    """``handler``, with answers that pages of ``origins`` may read: ``cors(app, origins="*")``.

    ``origins``: such as "https://example.org", or "*" for all. ``methods`` and ``headers``:
    what a request may have besides what any request may (Fetch, section 2.2); "*" for
    all, but Authorization is only meant by its name. ``expose``: fields of the answer that
    scripts may see besides the harmless ones. ``credentials``: whether cookies and the like
    are sent. ``max_age``: seconds that a browser may remember the answer to a preflight.

    Preflights from these origins are answered here. A request of another origin, or of
    none, is answered as if there were no wrapper, save for Vary.

    ValueError for what is no origin or no token, for a negative ``max_age``, and for "*"
    with ``credentials``, where the standard takes it for a name like any other: to open a
    logged-in user's data to every site would be no slip to make in one character.
    """
    return _Cors(handler, _Policy(origins, methods, headers, expose, credentials, max_age))


class _Policy:
    """Who may do what, as the fields that say so."""

    __slots__ = ("_fields", "_origins", "_preflight")

    def __init__(
        self,
        origins: Names,
        methods: Names,
        headers: Names,
        expose: Names,
        credentials: bool,
        max_age: int,
    ) -> None:
        listed = _listed("origins", origins, _origin, credentials)
        names = {"methods": methods, "headers": headers, "expose": expose}
        lists = {name: _listed(name, given, is_token, credentials) for name, given in names.items()}
        if max_age < 0:
            raise ValueError(f"max_age is seconds, 0 or more, not {max_age!r}")
        self._origins = None if "*" in listed else frozenset(listed)
        self._fields = _filled(
            ("access-control-allow-credentials", "true" if credentials else ""),
            ("access-control-expose-headers", ", ".join(lists["expose"])),
        )
        self._preflight = _filled(
            ("access-control-allow-methods", ", ".join(lists["methods"])),
            ("access-control-allow-headers", ", ".join(lists["headers"])),
            ("access-control-max-age", str(max_age)),
        )

    def allows(self, origin: str | None) -> TypeGuard[str]:
        """Whether pages of this origin may read the answer."""
        return origin is not None and (self._origins is None or origin in self._origins)

    def apply(self, fields: Headers, origin: str | None) -> None:
        """Add what an answer to this origin needs."""
        if self._origins is not None:
            _vary_by_origin(fields)
        if self.allows(origin):
            fields["access-control-allow-origin"] = "*" if self._origins is None else origin
            for name, value in self._fields:
                fields[name] = value

    def preflight(self, origin: str) -> Response:
        """Say what a request of this origin may have (Fetch, section 3.2.3)."""
        response = Response(status=204, headers=self._preflight)
        self.apply(response.headers, origin)
        return response


class _Cors:
    """A handler around a handler."""

    __slots__ = ("_handler", "_policy")

    def __init__(self, handler: Handler, policy: _Policy) -> None:
        self._handler = checked_handler(handler)
        self._policy = policy

    async def aclose(self) -> None:
        """Have the handler close what it keeps open."""
        await close(self._handler)

    async def __call__(self, request: Request) -> Response:
        policy, origin = self._policy, request.headers.get("origin")
        if policy.allows(origin) and _is_preflight(request):
            return policy.preflight(origin)
        errors = _Errors(policy, origin, request)
        with errors:
            response = await self._handler(request)
            if not isinstance(response, Response):
                raise wrong_response(response)
            # A file that is not there, or a range that is none of its, shows only here.
            response = response.for_request(request)
        policy.apply(response.headers, origin)
        if policy.allows(origin) and hasattr(response.body, "__aiter__"):
            response.body = _Pieces(response.body, errors)
        return response


class _Errors:
    """Whatever is raised inside leaves as an HTTPError with the fields that the page needs.

    The engine logs what is no HTTPError, and answers 500. Here that is done in its place.
    """

    __slots__ = ("_method", "_origin", "_policy", "_target")

    def __init__(self, policy: _Policy, origin: str | None, request: Request) -> None:
        self._policy = policy
        self._origin = origin
        self._method = request.method
        self._target = request.target  # as it came: further in, a mount takes off its prefix

    def __enter__(self) -> None: ...

    def __exit__(self, _: object, error: BaseException | None, traceback: object) -> None:
        if isinstance(error, HTTPError):
            # The very same error: by it the engine knows whether the body was at fault.
            self._add_fields(error)
        elif isinstance(error, Exception) and not isinstance(error, StopAsyncIteration):
            target = ascii(self._target)[1:-1]
            log.error("%s %s failed", self._method, target, exc_info=error)
            answer = HTTPError(500, "the server failed to answer this request")
            self._add_fields(answer)
            raise answer from error

    def _add_fields(self, error: HTTPError) -> None:
        fields = Headers(error.headers)
        self._policy.apply(fields, self._origin)
        error.headers = dict(fields.items())


class _Pieces:
    """A body whose failure before its first piece is an answer, and not a network error."""

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
        """Close the body itself, where it can be closed."""
        if (close := getattr(self._pieces, "aclose", None)) is not None:
            await close()


def _is_preflight(request: Request) -> bool:
    """Whether a browser asks what it may ask (Fetch, section 3.2.2)."""
    return request.method == "OPTIONS" and "access-control-request-method" in request.headers


def _vary_by_origin(fields: Headers) -> None:
    vary = split_list(fields.get("vary", "") or "")
    if not {"origin", "*"} & {name.lower() for name in vary}:
        fields["vary"] = ", ".join([*vary, "Origin"])


def _listed(
    what: str, names: Names, is_one: Callable[[str], object], credentials: bool
) -> tuple[str, ...]:
    listed = (names,) if isinstance(names, str) else tuple(names)
    if credentials and "*" in listed:
        raise ValueError(f'with credentials, {what} must be named one by one: "*" will not do')
    for name in listed:
        if name != "*" and not is_one(name):
            like = 'https://example.org, or "*"' if what == "origins" else 'a token, or "*"'
            raise ValueError(f"cors {what}: {name!r} is not of the form {like}")
    return listed


def _filled(*fields: tuple[str, str]) -> Fields:
    return [(name, value) for name, value in fields if value]
