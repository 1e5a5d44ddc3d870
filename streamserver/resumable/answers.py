"""The answers of a process: those that it produces, and the readers that it serves."""

import asyncio
import logging
from collections.abc import Collection
from secrets import token_urlsafe

from streamserver.feed.feed import Backend, Feed
from streamserver.feed.idempotency import make_key
from streamserver.feed.topic import Start
from streamserver.kit.request import Request
from streamserver.kit.response import Response
from streamserver.resumable.limits import Limits
from streamserver.resumable.owner import owner_of
from streamserver.resumable.ports import Record, State, Store
from streamserver.resumable.producer import Producer
from streamserver.resumable.question import Question
from streamserver.resumable.reader import Reader, is_at_end
from streamserver.resumable.stores import make_store
from streamserver.server.answer import Endless
from streamserver.server.deadlines import Deadlines
from streamserver.server.state import ServerState
from streamserver.wire.fields import Headers
from streamserver.wire.heads import Fields
from streamserver.wire.problem import HTTPError

log = logging.getLogger("streamserver")

ID_BYTES = 18
"""Random bytes of an id: 144 bits."""

HEARTBEAT = b":\n"
"""A comment without a blank line: clients that have read an id would dispatch an event for it."""


class Answers:
    """Answers in ``backend``. ``cookies``: as in ``owner_of``. ``heartbeat``: seconds of silence
    after which a reader gets a comment; None for the server's setting. Use it in one event loop,
    and ``close`` it."""

    def __init__(
        self,
        backend: Backend,
        limits: Limits,
        cookies: Collection[str] | None = None,
        heartbeat: float | None = None,
    ) -> None:
        self._backend = backend
        self._limits = limits
        self._cookies = cookies
        # An answer has an end: a server that stops lets it end, within the grace period.
        self._endless = Endless(HEARTBEAT, heartbeat, farewell=None)
        self._opened: tuple[Store, Deadlines[Producer]] | None = None
        self._producers: dict[str, Producer] = {}
        self._servers: set[ServerState] = set()

    async def ask(self, question: Question) -> Response:
        """The response to a POST: an answer with its Location, or what the upstream sent.

        HTTPError as ``Feed.position``, ``Store.claim`` and ``Producer.wait``; 404 for a position
        in an answer that has expired.
        """
        request, outgoing = question.request, question.outgoing
        position = used = None
        if question.key is not None:
            position = Feed.position(request)
            target = outgoing.target.encode()
            used = make_key(question.key, target, question.body)
        store, windows = self._start(outgoing.server)
        owner = owner_of(request, self._cookies)
        record = Record(token_urlsafe(ID_BYTES), owner, used, outgoing.target)
        producer = Producer(question, record, store, self._limits, windows, self._on_end)
        try:
            found = await store.claim(producer)
            if found is record and position is not None:
                detail = "there is no answer with this key, or it has expired: without"
                raise HTTPError(404, f"{detail} Last-Event-ID the upstream is asked again")
        except BaseException:
            store.discard(record.id)
            raise
        if found.id != record.id:
            return await self._ask_again(question, found, position)
        self._producers[record.id] = producer
        producer.recording = outgoing.record()
        return await self._await_head(question, producer, None, is_first=True)

    async def _ask_again(self, question: Question, found: Record, position: str | None) -> Response:
        if found.head is None and (producer := self._producers.get(found.id)) is not None:
            return await self._await_head(question, producer, position)
        opened = await self._store.opened(found.id) if found.head is None else found
        if opened is None or opened.head is None:
            detail = "the first request with this key got no answer: try again"
            raise HTTPError(409, detail, headers={"Retry-After": "1"})
        return await self._answer(opened, position, _located(question, opened, opened.head.fields))

    async def _await_head(
        self, question: Question, producer: Producer, position: str | None, is_first: bool = False
    ) -> Response:
        exchange = question.request.exchange
        head = await producer.wait(exchange, is_first=is_first)
        record = producer.record
        if record.head is None:
            assert head is not None
            response = question.proxy.adopt(question.request, producer, head)
            fields = question.select(response.headers.items())
            response.headers = Headers.of_lower(fields, are_well_formed=True)
            return response
        fields = record.head.fields
        if head is not None:
            fields = producer.fields_of_first()
            if question.proxy.server_timing:
                fields.append(("server-timing", producer.server_timing()))
            exchange.attributes = producer.attributes
        return await self._answer(record, position, _located(question, record, fields))

    async def follow(self, request: Request, id: str) -> Response:
        """The response to GET of a location. HTTPError 404 for an unknown or expired id, and for
        one that belongs to somebody else; as ``Feed.position``."""
        record = await self._find(request, id)
        assert record.head is not None
        fields = [pair for pair in record.head.fields if pair[0] != "cache-control"]
        fields.append(("cache-control", "no-store"))
        return await self._answer(record, Feed.position(request), fields)

    async def cancel(self, request: Request, id: str) -> Response:
        """The response to DELETE of a location: 204, also if the answer has ended. HTTPError 404
        as ``follow``."""
        record = await self._find(request, id)
        await self._store.cancel(record.id)
        return Response(status=204)

    async def _find(self, request: Request, id: str) -> Record:
        store, _ = self._start(request.exchange.server)
        record = await store.find(id)
        if record is None or record.owner not in ("", owner_of(request, self._cookies)):
            raise HTTPError(404, "there is no such answer, or it has expired")
        return record

    async def _answer(self, record: Record, position: str | None, fields: Fields) -> Response:
        """The events after ``position``, or all; 204 if the client has read the answer to its end,
        which stops an EventSource (WHATWG HTML, section 9.2.3)."""
        store, id = self._store, record.id
        if position is not None:
            if not await store.has(id, position):
                allowed = "the id of an event of this answer"
                detail = f"Last-Event-ID must be {allowed}, not {position}"
                raise HTTPError(400, detail, parameter="Last-Event-ID", allowed=allowed)
            newest = await store.topic(id).newest()
            if newest is not None and newest.is_last and is_at_end(position, newest):
                return Response(status=204)
        assert record.head is not None
        headers = Headers.of_lower([*fields, ("x-stream-id", id)], are_well_formed=True)
        reader = Reader(store, id, position or Start.BEGINNING)
        response = Response.of(reader, record.head.status, headers)
        response.endless = self._endless
        return response

    # The process

    def _start(self, server: ServerState) -> tuple[Store, Deadlines[Producer]]:
        """Open the store at the first request, and end the answers of a listener with it."""
        if self._opened is None:
            loop = asyncio.get_running_loop()
            windows = Deadlines[Producer](loop, self._limits.window, lambda each: each.expire())
            self._opened = make_store(self._backend, self._limits, loop), windows
        if server not in self._servers:
            self._servers.add(server)
            server.on_close.append(lambda: self._stop(server))
        return self._opened

    @property
    def _store(self) -> Store:
        assert self._opened is not None
        return self._opened[0]

    def _on_end(self, producer: Producer) -> None:
        self._producers.pop(producer.record.id, None)

    def _stop(self, server: ServerState | None = None) -> None:
        """End the answers of a listener, or all."""
        self._servers = {each for each in self._servers if server not in (None, each)}
        ending = [each for each in self._producers.values() if server in (None, each.server)]
        if ending:
            log.warning("%d answers were cancelled: the server has stopped", len(ending))
        for producer in ending:
            producer.end(State.FAILED, HTTPError(503, "the server has stopped"))

    async def close(self) -> None:
        """End all answers, and forget those in memory."""
        self._stop()
        opened, self._opened = self._opened, None
        if opened is not None:
            store, windows = opened
            windows.close()
            await store.close()


def _located(question: Question, record: Record, fields: Fields) -> Fields:
    return [*fields, ("location", question.location + record.id)]
