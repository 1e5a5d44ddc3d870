"""The answers of a process: those that it produces, and the readers that it serves."""

import asyncio
import logging
from collections.abc import Collection
from os import urandom

from streamserver.feed.feed import Backend, Feed
from streamserver.feed.idempotency import make_key
from streamserver.feed.memory import Memory
from streamserver.feed.redis import Redis
from streamserver.feed.topic import Start
from streamserver.kit.request import Request
from streamserver.kit.response import Response
from streamserver.resumable.limits import Limits
from streamserver.resumable.memory import MemoryStore
from streamserver.resumable.owner import includes, owner_of, scope_of
from streamserver.resumable.ports import Record, State, Store
from streamserver.resumable.producer import Producer
from streamserver.resumable.question import Question
from streamserver.resumable.reader import Reader, is_at_end
from streamserver.resumable.redis import RedisStore
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

        HTTPError as ``Feed.position``, ``Store.claim`` and ``Producer.add_waiter``; 404 for a
        position in an answer that has expired, and for the answer of another owner.
        """
        request, outgoing = question.request, question.outgoing
        position = used = None
        if question.key is not None:
            position = Feed.position(request)
            target = outgoing.target.encode()
            scope = scope_of(request, self._cookies)
            used = make_key(f"{scope}\n{question.key}", target, question.body)
        store, windows = self._start(question.request.exchange.server)
        producer = Producer(question, store, self._limits, windows, self._on_end)
        is_early = question.key is None and store.admits()
        if is_early:
            self._send(question, producer)
        owner = owner_of(request, self._cookies)
        producer.record = record = Record(urandom(ID_BYTES).hex(), owner, used, outgoing.target)
        try:
            found = await store.claim(producer)
            if found.id == record.id and position is not None:
                detail = "there is no answer with this key, or it has expired: without"
                raise HTTPError(404, f"{detail} Last-Event-ID the upstream is asked again")
        except BaseException:
            producer.stop()
            raise
        if found.id != record.id:
            if not includes(owner, found.owner):
                raise HTTPError(404, "the key was used by a request with other cookies")
            return await self._ask_again(question, found, position)
        self._producers[record.id] = producer
        if not is_early:
            self._send(question, producer)
        return await self._await_head(question, producer)

    @staticmethod
    def _send(question: Question, producer: Producer) -> None:
        """Send the request to the upstream."""
        if question.outgoing.record is not None:
            producer.recording = question.outgoing.record()
        producer.start()

    async def _ask_again(self, question: Question, found: Record, position: str | None) -> Response:
        if found.head is None and (producer := self._producers.get(found.id)) is not None:
            if position is not None:
                raise _unknown(position)
            return await self._await_head(question, producer)
        opened = await self._store.opened(found.id) if found.head is None else found
        if opened is None or opened.head is None:
            detail = "the first request with this key got no answer: try again"
            raise HTTPError(409, detail, headers={"Retry-After": "1"})
        return await self._answer(opened, position, question.location)

    async def _await_head(self, question: Question, producer: Producer) -> Response:
        exchange, id = question.request.exchange, producer.record.id
        exchange.attributes = producer.attributes
        producer.check()
        reader = Reader(self._store, id, Start.BEGINNING)
        waiter = producer.add_waiter(exchange)
        try:
            head = await waiter
        except BaseException:
            producer.remove_waiter(waiter)
            exchange.attributes = producer.attributes
            raise
        if head is None:
            return await self._answer(producer.record, None, question.location)
        if not producer.is_answer:
            response = question.proxy.adopt(question.request, producer, head)
            if question.select is not None:
                fields = question.select(response.headers.items())
                response.headers = Headers.of_lower(fields, are_well_formed=True)
            return response
        exchange.attributes = producer.attributes
        fields = [*producer.fields, ("location", question.location + id), ("x-stream-id", id)]
        if question.proxy.server_timing:
            fields.append(("server-timing", producer.server_timing()))
        return self._respond(reader, head.status, fields)

    async def follow(self, request: Request, id: str) -> Response:
        """The response to GET of a location. HTTPError 404 for an unknown or expired id, and for
        one that belongs to somebody else; as ``Feed.position``."""
        record = await self._find(request, id)
        return await self._answer(record, Feed.position(request))

    async def cancel(self, request: Request, id: str) -> Response:
        """The response to DELETE of a location: 204, also if the answer has ended. HTTPError 404
        as ``follow``."""
        record = await self._find(request, id)
        await self._store.cancel(record.id)
        return Response(status=204)

    async def _find(self, request: Request, id: str) -> Record:
        store, _ = self._start(request.exchange.server)
        record = await store.find(id)
        if record is None or not includes(owner_of(request, self._cookies), record.owner):
            raise HTTPError(404, "there is no such answer, or it has expired")
        return record

    async def _answer(
        self, record: Record, position: str | None, location: str | None = None
    ) -> Response:
        """The events after ``position``, or all; 204 if the client has read the answer to its end,
        which stops an EventSource (WHATWG HTML, section 9.2.3). Without a ``location`` the response
        is that of GET, which could be stored."""
        store, id, head = self._store, record.id, record.head
        assert head is not None
        if position is not None:
            if not await store.has(id, position):
                raise _unknown(position)
            newest = await store.topic(id).newest()
            if newest is not None and newest.is_last and is_at_end(position, newest):
                return Response(status=204)
        if location is None:
            fields = [pair for pair in head.fields if pair[0] != "cache-control"]
            fields.append(("cache-control", "no-store"))
        else:
            fields = [*head.fields, ("location", location + id)]
        fields.append(("x-stream-id", id))
        return self._respond(Reader(store, id, position or Start.BEGINNING), head.status, fields)

    def _respond(self, reader: Reader, status: int, fields: Fields) -> Response:
        response = Response.of(reader, status, Headers.of_lower(fields, are_well_formed=True))
        response.endless = self._endless
        return response

    # The process

    def _start(self, server: ServerState) -> tuple[Store, Deadlines[Producer]]:
        """Open the store at the first request, and end the answers of a listener with it."""
        if self._opened is None:
            loop = asyncio.get_running_loop()
            windows = Deadlines[Producer](loop, self._limits.window, lambda each: each.expire())
            self._opened = _make_store(self._backend, self._limits, loop), windows
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


def _make_store(backend: Backend, limits: Limits, loop: asyncio.AbstractEventLoop) -> Store:
    """The store for the backend of a feed; TypeError for an unknown kind of backend."""
    if isinstance(backend, Memory):
        return MemoryStore(backend, limits, loop)
    if isinstance(backend, Redis):
        return RedisStore(backend, limits)
    raise TypeError(f"answers are kept in Memory() or Redis(url), not in {backend!r}")


def _unknown(position: str) -> HTTPError:
    allowed = "the id of an event of this answer"
    detail = f"Last-Event-ID must be {allowed}, not {position}"
    return HTTPError(400, detail, parameter="Last-Event-ID", allowed=allowed)
