"""From a method and a path to a handler.

A path without parameters is found in a dictionary, so its cost does not depend on the number of
routes. Other patterns are tried in order, the most specific first, however they were defined.
Errors in the table of routes are raised when a route is defined.
"""

from bisect import insort
from collections.abc import Awaitable, Callable, Iterable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Literal, TypeAlias, TypeVar

from streamserver.kit.hints import checked_handler
from streamserver.kit.pattern import Pattern, Shape, canonical
from streamserver.kit.request import Request
from streamserver.kit.response import Response
from streamserver.kit.service import Handler, close
from streamserver.wire.fields import is_token
from streamserver.wire.problem import HTTPError

H = TypeVar("H", bound=Handler)
Limit: TypeAlias = int | Literal["default"] | None


@dataclass(slots=True)
class _Resource:
    """A path and its handlers by method."""

    pattern: Pattern
    handlers: dict[str, Handler] = field(default_factory=dict)

    def handler(self, method: str) -> Handler | None:
        found = self.handlers.get(method)
        # The engine omits the body of a response to HEAD (RFC 9110, section 9.3.2).
        return self.handlers.get("GET") if found is None and method == "HEAD" else found


class Router:
    """A handler that calls the handler of the request's method and path.

        app = Router()

        @app.get("/jobs/{id:int}")
        async def job(request: Request) -> Response:
            return Response.json({"id": request.params["id"]})

    ``kit.pattern`` describes paths. Where several match, the order at the first segment that
    differs decides: text, int, float, uuid, str, path. The handler of GET also answers HEAD, and
    OPTIONS is answered with the allowed methods, unless a route defines them. HTTPError 404 for an
    unknown path, 405 for a method that no matching path allows (RFC 9110, section 15.5.6).

    The text of the matching pattern becomes the exchange's ``route``; that of a mounted handler
    which is no router ends in "/*".
    """

    __slots__ = ("_dynamic", "_mounts", "_resources", "_static", "on_stop")

    def __init__(self) -> None:
        self._resources: dict[Shape, _Resource] = {}
        self._static: dict[str, _Resource] = {}
        self._dynamic: list[_Resource] = []
        self._mounts: list[tuple[str, Handler]] = []
        self.on_stop: list[Callable[[], Awaitable[object]]] = []
        """Awaited, the last first, when the server of this router has stopped."""

    async def aclose(self) -> None:
        """Await the callbacks in ``on_stop``, then the ``aclose`` of mounted handlers; an exception
        of one is raised after the others."""
        async with AsyncExitStack() as stack:
            for _, handler in self._mounts:
                stack.push_async_callback(close, handler)
            for callback in self.on_stop:
                stack.push_async_callback(callback)
            self.on_stop.clear()

    # Definition

    def get(self, path: str, *, max_body: Limit = "default") -> Callable[[H], H]:
        """``route`` for GET, and HEAD."""
        return self.route(path, ("GET",), max_body=max_body)

    def post(self, path: str, *, max_body: Limit = "default") -> Callable[[H], H]:
        """``route`` for POST."""
        return self.route(path, ("POST",), max_body=max_body)

    def put(self, path: str, *, max_body: Limit = "default") -> Callable[[H], H]:
        """``route`` for PUT."""
        return self.route(path, ("PUT",), max_body=max_body)

    def patch(self, path: str, *, max_body: Limit = "default") -> Callable[[H], H]:
        """``route`` for PATCH."""
        return self.route(path, ("PATCH",), max_body=max_body)

    def delete(self, path: str, *, max_body: Limit = "default") -> Callable[[H], H]:
        """``route`` for DELETE."""
        return self.route(path, ("DELETE",), max_body=max_body)

    def route(
        self, path: str, methods: Iterable[str], *, max_body: Limit = "default"
    ) -> Callable[[H], H]:
        """A decorator for the handler of these methods at ``path``; it returns the handler.

        ``max_body``: bytes of a request's body; None is no limit, "default" the server's setting.
        ValueError for a wrong path or method, or one that is defined already; TypeError, by the
        decorator, for an object that is no handler.
        """
        names = tuple(methods)
        if isinstance(methods, str) or not names or not all(map(is_token, names)):
            example = 'a list of names, as in ["GET", "POST"]'
            raise ValueError(f"methods are {example}, not {methods!r}")
        resource = self._resource(Pattern(path))
        if defined := [method for method in names if method in resource.handlers]:
            raise ValueError(f"{defined[0]} {path} is defined twice")

        def define(handler: H) -> H:
            checked = checked_handler(handler)
            limited = checked if max_body == "default" else _limited(checked, max_body)
            resource.handlers.update(dict.fromkeys(names, limited))
            return handler

        return define

    def mount(self, prefix: str, handler: Handler) -> None:
        """Let ``handler`` answer the requests below ``prefix`` that no route here matches.

        "/lab" is a prefix of "/lab/" and all paths below, but not of "/lab"; "/" is one of every
        path. The handler receives the target without the prefix: "/x?y" for "/lab/x?y".
        ValueError for a prefix with parameters or one that is mounted already.
        """
        below = Pattern(prefix.rstrip("/") + "/").path
        if below is None:
            raise ValueError(f"a prefix has no parameters: {prefix!r}")
        if below in dict(self._mounts):
            raise ValueError(f"something is mounted at {prefix} already")
        self._mounts.append((below, checked_handler(handler)))
        self._mounts.sort(key=lambda mount: -len(mount[0]))

    def _resource(self, pattern: Pattern) -> _Resource:
        """The resource of a path, created at its first route."""
        known = self._resources.get(pattern.shape)
        if known is None:
            known = self._resources[pattern.shape] = _Resource(pattern)
            if pattern.path is not None:
                self._static[pattern.path] = known
            else:
                insort(self._dynamic, known, key=lambda one: one.pattern.shape)
        elif known.pattern.names != pattern.names:
            raise ValueError(f"{pattern.text} is {known.pattern.text} with other names")
        return known

    # A request

    def __call__(self, request: Request) -> Awaitable[Response]:
        # Not a coroutine function: the handler's coroutine is enough.
        resource = self._static.get(request.target)
        if resource is None:
            resource = self._static.get(canonical(request.target.partition("?")[0]))
        handler = None if resource is None else resource.handlers.get(request.method)
        if resource is None or handler is None:
            return self._find(request)(request)
        exchange = request.exchange
        text = resource.pattern.text
        exchange.route = _prefix(exchange.route) + text if exchange.route else text
        return handler(request)

    def _find(self, request: Request) -> Handler:
        path = canonical(request.target.partition("?")[0])
        others = []  # resources at this path that lack the method
        static = self._static.get(path)
        for resource in self._dynamic if static is None else (static, *self._dynamic):
            params = resource.pattern.match(path)
            if params is None:
                continue
            handler = resource.handler(request.method)
            if handler is not None:
                request.exchange.route = _prefix(request.exchange.route) + resource.pattern.text
                request.params = params
                return handler
            others.append(resource)
        if not others and path != "*":
            return self._mounted(request, path)
        if others:
            request.exchange.route = _prefix(request.exchange.route) + others[0].pattern.text
        return _without_method(request.method, others or self._resources.values())

    def _mounted(self, request: Request, path: str) -> Handler:
        for below, handler in self._mounts:
            if path.startswith(below):
                # Only whole segments are removed: a relay passes the rest on unchanged.
                count = below.count("/")
                request.target = "/" + request.target.split("/", count)[count]
                request.exchange.route = _prefix(request.exchange.route) + below + "*"
                return handler
        raise HTTPError(404, "nothing is served at this path")


def _prefix(route: str) -> str:
    """Where this router is mounted, by the route of the request so far."""
    return route.removesuffix("/*")


def _limited(handler: Handler, limit: int | None) -> Handler:
    def limited(request: Request) -> Awaitable[Response]:
        request.max_body = limit
        return handler(request)

    return limited


def _without_method(method: str, resources: Iterable[_Resource]) -> Handler:
    """The answer to OPTIONS, of a path or ``*`` (RFC 9110, section 9.3.7); else HTTPError 405."""
    methods = {"OPTIONS"}.union(*[resource.handlers for resource in resources])
    allow = ", ".join(sorted(methods | {"HEAD"} if "GET" in methods else methods))
    if method != "OPTIONS":
        raise HTTPError(405, f"allowed methods: {allow}", headers={"Allow": allow})

    async def options(request: Request) -> Response:
        return Response(status=204, headers={"Allow": allow})

    return options
