"""Routes: the prefix of a path selects the handler, for example one relay for each service.

The prefix is compared with the path as it was received; the upstream decodes and normalizes what it
receives. If the two selected different routes, a client could use the key of one route for a path
of another. Such a path is refused.
"""

import re
from collections.abc import Awaitable, Iterable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from urllib.parse import unquote

from streamserver.kit.hints import check_handler
from streamserver.kit.request import Request
from streamserver.kit.response import Response
from streamserver.kit.service import Handler, close
from streamserver.wire.problem import HTTPError

_is_prefix = re.compile(r"/|(?:/(?!\.{1,2}(?:/|\Z))[^/?#%;\\\s\0-\x1f\x7f]+)+").fullmatch
_needs_decoding = re.compile(r"[%;\\]|//|/\.").search
_separators = re.compile(r"[/\\]")
_ends = re.compile(r"[;?#]")


@dataclass(frozen=True, slots=True)
class Route:
    """The requests whose path is ``prefix`` or below it, for ``handler``.

    "/v1" is the prefix of "/v1" and "/v1/x", not of "/v1x"; "/" is that of every path. It is
    written decoded ("/café"). ``strip``: what is removed from the targets that the handler gets:
    True for the prefix, or a text with which it begins. ValueError for an invalid prefix or text.
    """

    prefix: str
    handler: Handler
    strip: bool | str = False

    def __post_init__(self) -> None:
        if not _is_prefix(self.prefix):
            raise ValueError(
                f"{self.prefix!r} is no prefix: allowed are / and whole segments, as in /v1 or"
                " /v1/images, without a slash at the end"
            )
        if not f"{self.prefix}/".startswith(f"{self._removed}/"):
            raise ValueError(f"{self.prefix} does not begin with {self.strip!r}, which is stripped")
        check_handler(self.handler)

    @property
    def _removed(self) -> str:
        return self.prefix.rstrip("/") if self.strip is True else self.strip or ""

    @property
    def rest(self) -> str:
        """What is left of the prefix, without a slash at its end."""
        return self.prefix.rstrip("/")[len(self._removed) :]

    @property
    def stripped(self) -> int:
        """How many segments are removed."""
        return self._removed.count("/")


class Routes:
    """A handler that calls the handler of the longest prefix that the path of a request has.

    The prefix becomes the exchange's ``route``. ``OPTIONS *`` belongs to the route "/". HTTPError
    404 without a route; 400 for a path with a segment "..", in any spelling, and for one of which
    the decoded and normalized form has another route. ValueError for a prefix that occurs twice.
    """

    def __init__(self, routes: Iterable[Route]) -> None:
        self.routes = tuple(routes)
        self._found: dict[tuple[str, ...], Route] = {}
        for route in self.routes:
            segments = tuple(route.prefix.rstrip("/").split("/")[1:])
            if segments in self._found:
                raise ValueError(f"there are two routes for {route.prefix}")
            self._found[segments] = route
        self._depth = max(map(len, self._found), default=0)

    def __call__(self, request: Request) -> Awaitable[Response]:
        target, exchange = request.target, request.exchange
        path = target.partition("?")[0]
        segments = path.split("/", self._depth + 1)[1:]
        route = self._decoded(path) if _needs_decoding(path) else self._find(segments)
        if route is None:
            raise HTTPError(404, "nothing is served at this path")
        exchange.route = exchange.route.removesuffix("/*") + route.prefix
        if count := route.stripped:
            rest = path.split("/", count + 1)[count + 1 :]
            request.target = "/" + "".join(rest) + target[len(path) :]
        return route.handler(request)

    async def aclose(self) -> None:
        """Await the ``aclose`` of each handler; an exception of one is raised after the others."""
        async with AsyncExitStack() as stack:
            for route in self.routes:
                stack.push_async_callback(close, route.handler)

    def _find(self, segments: Sequence[str]) -> Route | None:
        for length in range(min(self._depth, len(segments)), -1, -1):
            if (route := self._found.get(tuple(segments[:length]))) is not None:
                return route
        return None

    def _decoded(self, path: str) -> Route | None:
        """The route of a path that an upstream may read in another way; HTTPError 400 if that
        differs. An encoded slash belongs to its segment here (RFC 3986, section 2.2)."""
        route = self._find([unquote(segment) for segment in path.split("/")[1:]])
        read = [_ends.split(each)[0] for each in _separators.split(unquote(path))]
        read = [each for each in read if each not in ("", ".")]
        if ".." in read or self._find(read) is not route:
            detail = 'the path leads upwards with "..", or could be read as one of another route'
            raise HTTPError(400, detail)
        return route
