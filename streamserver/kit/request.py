"""A request, as a handler sees it."""

import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qsl, unquote

from streamserver.server.exchange import Exchange
from streamserver.wire.fields import Headers
from streamserver.wire.problem import HTTPError


class Query:
    """The parameters of a target's query, in order, repeatable.

    Percent-encoding and "+" are decoded as UTF-8 (WHATWG URL, section 5.1). KeyError for an
    absent name.
    """

    __slots__ = ("_pairs",)

    def __init__(self, query: str) -> None:
        self._pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=1000)

    def get(self, name: str, default: str | None = None) -> str | None:
        """The first value of ``name``, else ``default``."""
        for key, value in self._pairs:
            if key == name:
                return value
        return default

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
    """What the client asked. Read the body once: ``body()``, ``text()``, ``json()``, or
    ``async for part in request``, which takes pieces as they arrive.

    Reading raises HTTPError: 400 for a malformed body, 408 when the client falls silent, 413
    when it is larger than ``max_body``. A handler need not catch them: they are the answer.

    ``exchange`` is the engine's side of it, for those who write to the wire themselves.
    """

    __slots__ = ("_query", "exchange", "headers", "method", "params", "target")

    def __init__(self, exchange: Exchange) -> None:
        head = exchange.head
        self.exchange = exchange
        self.method = head.method
        self.target = head.target
        self.headers = Headers.of_lower(head.fields)
        self.params: dict[str, Any] = {}
        self._query: Query | None = None

    @property
    def path(self) -> str:
        """The path of the target, percent-decoded as UTF-8."""
        return unquote(self.target.partition("?")[0])

    @property
    def query(self) -> Query:
        """The parameters after the "?"; HTTPError 400 beyond a thousand of them."""
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
    def client(self) -> str:
        """The peer as ``address:port``, or "unix"."""
        return self.exchange.client

    @property
    def last_event_id(self) -> str | None:
        """Where a reconnecting EventSource left off (WHATWG HTML, section 9.2.4)."""
        value = self.headers.get("last-event-id")
        # Fields are Latin-1 here, while event ids are sent as UTF-8.
        return None if value is None else value.encode("latin-1").decode("utf-8", "replace")

    @property
    def draining(self) -> bool:
        """Whether the server is being stopped: an endless handler may end itself."""
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
