"""A request, as a handler receives it."""

import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qsl, unquote

from streamserver.server.exchange import Exchange
from streamserver.wire.fields import Headers
from streamserver.wire.forwarded import Client
from streamserver.wire.problem import HTTPError


class Query:
    """The parameters of a query, in order, repeatable, decoded as UTF-8 (WHATWG URL, section 5.1).

    ``query[name]`` raises KeyError for an absent name.
    """

    __slots__ = ("_pairs",)

    def __init__(self, query: str) -> None:
        self._pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=1000)

    def get(self, name: str, default: str | None = None) -> str | None:
        """The first value of ``name``, else ``default``."""
        return next((value for key, value in self._pairs if key == name), default)

    def get_all(self, name: str) -> list[str]:
        """Every value of ``name``."""
        return [value for key, value in self._pairs if key == name]

    def items(self) -> list[tuple[str, str]]:
        """All names and values, in order."""
        return list(self._pairs)

    def __getitem__(self, name: str) -> str:
        value = self.get(name)
        if value is None:
            raise KeyError(name)
        return value

    def __contains__(self, name: object) -> bool:
        return any(key == name for key, _ in self._pairs)


class Request:
    """Read the body once: ``body()``, ``text()``, ``json()``, or ``async for part in request``.

    Reading raises HTTPError: 400 for a malformed body, 408 if the client is silent for too long,
    413 for a body of more than ``max_body`` bytes. A handler need not catch them. ``target`` is
    relative to the router's mount. ``params`` has the values of the path's parameters.
    ``exchange`` is the engine's side, for handlers that write to the wire themselves.
    """

    __slots__ = ("_headers", "_query", "exchange", "method", "params", "target")

    def __init__(self, exchange: Exchange) -> None:
        head = exchange.head
        self.exchange = exchange
        self.method = head.method
        self.target = head.target
        self.params: dict[str, Any] = {}
        self._headers: Headers | None = None
        self._query: Query | None = None

    @property
    def headers(self) -> Headers:
        """The header fields."""
        headers = self._headers
        if headers is None:  # few handlers read them
            fields = self.exchange.head.fields
            headers = self._headers = Headers.of_lower(fields, are_well_formed=True)
        return headers

    @headers.setter
    def headers(self, headers: Headers) -> None:
        self._headers = headers

    @property
    def path(self) -> str:
        """The path of the target, percent-decoded as UTF-8."""
        return unquote(self.target.partition("?")[0])

    @property
    def query(self) -> Query:
        """The parameters after the "?"; HTTPError 400 for more than a thousand."""
        if self._query is None:
            try:
                self._query = Query(self.target.partition("?")[2])
            except ValueError as error:
                raise HTTPError(400, "the query has more than 1000 parameters") from error
        return self._query

    @property
    def version(self) -> str:
        """The client's HTTP version: "1.0" or "1.1"."""
        return f"1.{self.exchange.head.minor}"

    @property
    def client(self) -> Client:
        """The address, scheme and host of the client: those of the connection, or, where its peer
        is a trusted proxy, those that the proxies name."""
        return self.exchange.true_client

    @property
    def id(self) -> str:
        """The id of this request in the logs and in the answer's X-Request-ID; "" if it has
        none."""
        return self.exchange.id

    @property
    def last_event_id(self) -> str | None:
        """The last event that a reconnecting EventSource received (WHATWG HTML, section 9.2.4)."""
        value = self.headers.get("last-event-id")
        # Field values are decoded as Latin-1, but event ids are sent as UTF-8.
        return None if value is None else value.encode("latin-1").decode("utf-8", "replace")

    @property
    def draining(self) -> bool:
        """Whether the server is stopping: an endless handler may end."""
        return self.exchange.server.draining

    @property
    def max_body(self) -> int | None:
        """Bytes of body that may be read; None is no limit. Set it before reading."""
        body = self.exchange.body
        return self.exchange.server.settings.max_body if body is None else body.limit

    @max_body.setter
    def max_body(self, limit: int | None) -> None:
        if self.exchange.body is not None:
            self.exchange.body.limit = limit

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self.exchange.body or _no_body()

    async def body(self) -> bytes:
        """The whole body."""
        return b"".join([part async for part in self])

    async def text(self) -> str:
        """The body as UTF-8; HTTPError 400 if it is not."""
        try:
            return (await self.body()).decode()
        except UnicodeDecodeError as error:
            raise HTTPError(400, f"the body is not UTF-8: {error}") from error

    async def json(self) -> Any:
        """The body as JSON; HTTPError 400 if it is not."""
        try:
            return json.loads(await self.body())
        except (ValueError, RecursionError) as error:
            raise HTTPError(400, f"the body is not JSON: {error}") from error


async def _no_body() -> AsyncIterator[bytes]:
    return
    yield
