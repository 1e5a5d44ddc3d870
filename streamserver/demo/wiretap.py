"""What was really written to the socket, for a page that cannot see it.

Neither fetch nor EventSource shows how a body was framed. So the page sends a random token with
a request, what its answer writes is kept here for a while, and whoever has the token may read it.

The question may reach another worker than the one that recorded, and a stream that was cut may
have come back to a third. So where workers share a backend all are asked: those that know the token
publish what they have to a feed of its own, and whoever was asked puts it together. That costs
each of them something, so it is done for a few tokens at a time, and once for each.
"""

import asyncio
import json
import re
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeAlias

from streamserver.demo.orders import Orders
from streamserver.demo.recordings import Recordings
from streamserver.feed.feed import Backend, Feed
from streamserver.kit.request import Request
from streamserver.kit.response import Response
from streamserver.kit.service import Handler
from streamserver.wire.problem import HTTPError
from streamserver.wire.sse import Event

PATIENCE = 1.0
"""Seconds in which some worker may say that it has a recording."""

GATHER = 0.2
"""Seconds after the first answer in which others may say that they have a part of it."""

QUESTIONS = 8
"""Tokens that a worker asks the others for at a time."""

Told: TypeAlias = list[dict[str, Any]]
"""Exchanges, as JSON has them."""

Tapped: TypeAlias = Callable[[Handler], Handler]
"""Makes a handler one whose answers may be recorded."""

_is_token = re.compile(r"[0-9A-Za-z-]{16,64}").fullmatch


class Wiretap:
    """The recordings of this process, and the way to those of the others with its backend."""

    __slots__ = ("_answers", "_asked", "_backend", "_orders", "_questions", "_recordings")

    def __init__(self, backend: Backend, orders: Orders) -> None:
        self._backend = backend
        self._orders = orders
        self._recordings = Recordings()
        self._questions: dict[str, asyncio.Task[Told]] = {}
        self._answers: dict[str, asyncio.Task[None]] = {}
        self._asked: set[str] = set()  # tokens that an answer is due for
        orders.define("tell", self._answer)

    def tapped(self, handler: Handler) -> Handler:
        """The handler, recorded where the request's query says ``wire=TOKEN``."""

        async def recorded(request: Request) -> Response:
            token = request.query.get("wire")
            if token is not None and _is_token(token):
                self._orders.begin()  # it need not have begun already
                self._recordings.record(token, request.exchange)
            return await handler(request)

        return recorded

    async def read(self, request: Request) -> Response:
        """``GET /api/wire/{token}``: what was written so far; HTTPError 404 where nothing was."""
        token = request.params["token"]
        told = self._recordings.told(token)
        if self._backend.is_shared and _is_token(token):
            try:
                told = told + await self._of_others(token, GATHER if told else PATIENCE)
            except HTTPError:
                if not told:  # else what is here is better than nothing
                    raise
        if not told:
            raise HTTPError(404, "no recording of that token is to be found")
        exchanges = {(one["at"], one["request"]): one for one in told}
        in_order = [exchanges[key] for key in sorted(exchanges)]
        return Response.json({"exchanges": in_order}, headers={"Cache-Control": "no-store"})

    async def close(self) -> None:
        """Ask nobody any more, and tell nobody."""
        if tasks := [*self._questions.values(), *self._answers.values()]:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)

    # Who asks

    async def _of_others(self, token: str, patience: float) -> Told:
        """What other workers tell; whoever asks for the same meanwhile gets the same."""
        question = self._questions.get(token)
        if question is None:
            if len(self._questions) >= QUESTIONS:
                detail = f"{QUESTIONS} recordings are being looked for: try again"
                raise HTTPError(503, detail, headers={"Retry-After": "1"})
            question = asyncio.create_task(self._ask(token, patience))
            self._questions[token] = question
            question.add_done_callback(lambda _: self._questions.pop(token))
        return await asyncio.shield(question)

    async def _ask(self, token: str, patience: float) -> Told:
        told: Told = []
        first = asyncio.Event()

        def hear(event: Event) -> None:
            told.extend(json.loads(event.data))
            first.set()

        with suppress(HTTPError):  # the store is out of reach: then nobody can tell
            leave = await self._feed(token).watch(hear)
            try:
                await self._orders.send("tell", token)
                with suppress(TimeoutError):
                    async with asyncio.timeout(patience):
                        await first.wait()
                    await asyncio.sleep(GATHER)
            finally:
                leave()
        return told

    # Who is asked

    def _answer(self, token: str) -> bool:
        """Tell what is here to whoever waits at the token's feed."""
        if token not in self._recordings:
            return False
        self._asked.add(token)
        if token not in self._answers:
            self._answers[token] = asyncio.create_task(self._tell(token))
        return True

    async def _tell(self, token: str) -> None:
        try:
            # Who asks meanwhile may have come too late for what is being told.
            while token in self._asked:
                self._asked.remove(token)
                with suppress(HTTPError):  # whoever asked will hear nothing, and says so
                    await self._feed(token).publish(self._recordings.told(token))
        finally:
            del self._answers[token]

    def _feed(self, token: str) -> Feed:
        return Feed(f"demo:wire:{token}", self._backend, max_events=16, ttl=60.0)
