"""From a method and a path to a handler.

A path without parameters is found in a dictionary, so a hundred routes cost what one does;
the others are tried one after the other, the most particular first, whatever the order in
which they were defined. What is wrong with a table of routes is told when it is made, not
when a request happens to come by.
"""

from bisect import insort
from collections.abc import Awaitable, Callable, Iterable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Literal, TypeAlias, TypeVar

from streamserver.kit.mistakes import checked_handler
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
        # The engine leaves out the body of an answer to HEAD (RFC 9110, section 9.3.2).
        return self.handlers.get("GET") if found is None and method == "HEAD" else found


class Router:
    """A handler that hands each request on to the handler of its method and path.

        app = Router()

        @app.get("/jobs/{id:int}")
        async def job(request: Request) -> Response:
            return Response.json({"id": request.params["id"]})

    Paths are those of ``kit.pattern``. Where several match, the one that is more particular
    at the first segment in which they differ goes first: text, int, float, uuid, str, path.
    The pattern that matched is the exchange's ``route``, for those who count; below a mount
    of another handler than a router it ends in "/*".
    HEAD is answered by the handler of GET, OPTIONS with what is allowed, unless they have
    handlers of their own. Raises HTTPError 404 for an unknown path and 405 for a method
    that none of the paths that match knows (RFC 9110, sections 15.5.5 and 15.5.6).
    """

    __slots__ = ("_dynamic", "_mounts", "_resources", "_static", "on_stop")

    def __init__(self) -> None:
        self._resources: dict[Shape, _Resource] = {}
        self._static: dict[str, _Resource] = {}
        self._dynamic: list[_Resource] = []
        self._mounts: list[tuple[str, Handler]] = []
        self.on_stop: list[Callable[[], Awaitable[object]]] = []
        """What is awaited, the last first, when whoever serves this router has stopped."""

    async def aclose(self) -> None:
        """Await what is in ``on_stop``, then the ``aclose`` of what is mounted here; what one of
        them raises comes when all had their turn."""
        async with AsyncExitStack() as stack:
            for _, handler in self._mounts:
                stack.push_async_callback(close, handler)
            for stopped in self.on_stop:
                stack.push_async_callback(stopped)
            self.on_stop.clear()

    # Definition

    def get(self, path: str, *, max_body: Limit = "default") -> Callable[[H], H]:
        """Answer GET, and HEAD; the arguments are those of ``route``."""
        return self.route(path, ("GET",), max_body=max_body)

    def post(self, path: str, *, max_body: Limit = "default") -> Callable[[H], H]:
        """Answer POST; the arguments are those of ``route``."""
        return self.route(path, ("POST",), max_body=max_body)

    def put(self, path: str, *, max_body: Limit = "default") -> Callable[[H], H]:
        """Answer PUT; the arguments are those of ``route``."""
        return self.route(path, ("PUT",), max_body=max_body)

    def patch(self, path: str, *, max_body: Limit = "default") -> Callable[[H], H]:
        """Answer PATCH; the arguments are those of ``route``."""
        return self.route(path, ("PATCH",), max_body=max_body)

    def delete(self, path: str, *, max_body: Limit = "default") -> Callable[[H], H]:
        """Answer DELETE; the arguments are those of ``route``."""
        return self.route(path, ("DELETE",), max_body=max_body)

    def route(
        self, path: str, methods: Iterable[str], *, max_body: Limit = "default"
    ) -> Callable[[H], H]:
        """A decorator: the handler answers these methods at ``path``, and is given back as it is.

        ``max_body``: bytes that a request's body may have; None is no limit, "default" the
        server's setting. ValueError for a path or method that cannot be, or is taken; TypeError,
        when the decorator is applied, for what is no handler.
        """
        names = _methods(methods)
        resource = self._resource(Pattern(path))
        if taken := [method for method in names if method in resource.handlers]:
            raise ValueError(f"{taken[0]} {path} is defined twice")

        def define(handler: H) -> H:
            checked = checked_handler(handler)
            limited = checked if max_body == "default" else _limited(checked, max_body)
            resource.handlers.update(dict.fromkeys(names, limited))
            return handler

        return define

    def mount(self, prefix: str, handler: Handler) -> None:
        """Hand on every request below ``prefix`` that no route of this router's own matches.

        "/lab" is for "/lab/" and all that lies below it, but not for "/lab"; "/" is for
        everything. The handler sees the target without the prefix, as if it stood alone:
        "/lab/x?y" is "/x?y" to it. ValueError for a prefix with parameters or one that is taken;
        TypeError for what is no handler.
        """
        below = Pattern(prefix.rstrip("/") + "/").path
        if below is None:
            raise ValueError(f"a prefix has no parameters: {prefix!r}")
        if below in dict(self._mounts):
            raise ValueError(f"something is mounted at {prefix} already")
        self._mounts.append((below, checked_handler(handler)))
        self._mounts.sort(key=lambda mount: -len(mount[0]))

    def _resource(self, pattern: Pattern) -> _Resource:
        """The resource of a path, which is a new one at the path's first route."""
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

    async def __call__(self, request: Request) -> Response:
        """The answer of the handler that is responsible."""
        path = canonical(request.target.partition("?")[0])
        resource = self._static.get(path)
        handler = None if resource is None else resource.handlers.get(request.method)
        if resource is None or handler is None:
            handler = self._find(request, path)
        else:
            _tell_route(request, resource)
        return await handler(request)

    def _find(self, request: Request, path: str) -> Handler:
        others = []
        static = self._static.get(path)
        for resource in self._dynamic if static is None else (static, *self._dynamic):
            params = resource.pattern.match(path)
            if params is None:
                continue
            handler = resource.handler(request.method)
            if handler is not None:
                _tell_route(request, resource)
                request.params = params
                return handler
            others.append(resource)
        if not others and path != "*":
            return self._mounted(request, path)
        if others:
            _tell_route(request, others[0])
        allow = _allow(others or self._resources.values())
        if request.method != "OPTIONS":
            raise HTTPError(405, f"allowed methods: {allow}", headers={"Allow": allow})
        return _answering_options(allow)

    def _mounted(self, request: Request, path: str) -> Handler:
        for below, handler in self._mounts:
            if path.startswith(below):
                # As many segments less, but the rest as it came: a relay passes it on.
                count = below.count("/")
                request.target = "/" + request.target.split("/", count)[count]
                request.exchange.route = _above(request) + below + "*"
                return handler
        raise HTTPError(404, "nothing is served at this path")


def _tell_route(request: Request, resource: _Resource) -> None:
    request.exchange.route = _above(request) + resource.pattern.text


def _above(request: Request) -> str:
    """Where this router is mounted itself; "" for one that stands alone."""
    return request.exchange.route.removesuffix("/*")


def _methods(methods: Iterable[str]) -> tuple[str, ...]:
    names = tuple(methods)
    if isinstance(methods, str) or not names or not all(map(is_token, names)):
        raise ValueError(f'methods are a list of names, as in ["GET", "POST"], not {methods!r}')
    return names


def _limited(handler: Handler, limit: int | None) -> Handler:
    async def limited(request: Request) -> Response:
        request.max_body = limit
        return await handler(request)

    return limited


def _allow(resources: Iterable[_Resource]) -> str:
    """The Allow field of an answer about these resources (RFC 9110, section 10.2.1)."""
    methods = {"OPTIONS"}.union(*[resource.handlers for resource in resources])
    return ", ".join(sorted(methods | {"HEAD"} if "GET" in methods else methods))


def _answering_options(allow: str) -> Handler:
    """Answers OPTIONS, of one resource or of ``*``, the server (RFC 9110, section 9.3.7)."""

    async def options(request: Request) -> Response:
        return Response(status=204, headers={"Allow": allow})

    return options
