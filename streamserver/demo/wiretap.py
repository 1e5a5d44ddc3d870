"""What was written to the socket, for a page that cannot see it.

Neither fetch nor EventSource shows how a body was framed. So the page sends a random token with a
request, the writes of its response are recorded, and the page reads the recording by its token.

Another worker may have recorded it, and after a reconnect several workers have parts of it. So
with a shared backend all workers are asked: those that know the token publish their parts to its
feed, and the worker that asked joins them. The number of such questions is limited.
"""

import asyncio
import json
import re
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeAlias

from streamserver.demo.commands import Commands
from streamserver.demo.recordings import Recordings
from streamserver.feed.feed import Backend, Feed
from streamserver.kit.request import Request
from streamserver.kit.response import Response
from streamserver.kit.service import Handler
from streamserver.kit.tasks import cancel
from streamserver.wire.problem import HTTPError

FIRST_TIMEOUT = 1.0
"""Seconds until the first worker must have answered, if this one has no recording."""

OTHERS_TIMEOUT = 0.2
"""Seconds after the first part in which other parts are accepted."""

MAX_QUESTIONS = 8
"""Tokens that a worker asks the others for at a time."""

Exchanges: TypeAlias = list[dict[str, Any]]
"""Recorded exchanges as values for JSON."""

Tapped: TypeAlias = Callable[[Handler], Handler]
"""Wraps a handler, so that its responses can be recorded."""

_is_token = re.compile(r"[0-9A-Za-z-]{16,64}").fullmatch


class Wiretap:
    """The recordings of this process and of all others that share its backend."""

    def __init__(self, backend: Backend, commands: Commands) -> None:
        self._backend = backend
        self._commands = commands
        self._recordings = Recordings()
        self._questions: dict[str, asyncio.Task[Exchanges]] = {}
        self._answers: dict[str, asyncio.Task[None]] = {}
        self._requested: set[str] = set()  # tokens whose recording is to be published
        commands.define("report", self._report)

    def tapped(self, handler: Handler) -> Handler:
        """The handler, recorded where the query of a request has ``wire=TOKEN``."""

        async def recorded(request: Request) -> Response:
            token = request.query.get("wire")
            if token is not None and _is_token(token):
                self._commands.start()
                self._recordings.record(token, request.exchange)
            return await handler(request)

        return recorded

    async def read(self, request: Request) -> Response:
        """``GET /api/wire/{token}``: what was written so far. HTTPError 404 if no worker has it."""
        token = request.params["token"]
        found = self._recordings.as_json(token)
        if self._backend.is_shared and _is_token(token):
            try:
                timeout = OTHERS_TIMEOUT if found else FIRST_TIMEOUT
                found = found + await self._of_others(token, timeout)
            except HTTPError:
                if not found:  # otherwise the part that is here is the answer
                    raise
        if not found:
            raise HTTPError(404, "there is no recording with this token")
        exchanges = {(one["at"], one["request"]): one for one in found}
        in_order = [exchanges[key] for key in sorted(exchanges)]
        return Response.json({"exchanges": in_order}, headers={"Cache-Control": "no-store"})

    async def close(self) -> None:
        """Cancel all questions and answers."""
        await cancel([*self._questions.values(), *self._answers.values()])

    async def _of_others(self, token: str, timeout: float) -> Exchanges:
        """The parts of other workers; concurrent requests share one question."""
        question = self._questions.get(token)
        if question is None:
            if len(self._questions) >= MAX_QUESTIONS:
                detail = f"{MAX_QUESTIONS} recordings are being collected: try again"
                raise HTTPError(503, detail, headers={"Retry-After": "1"})
            question = asyncio.create_task(self._ask(token, timeout))
            self._questions[token] = question
            question.add_done_callback(lambda _: self._questions.pop(token))
        return await asyncio.shield(question)

    async def _ask(self, token: str, timeout: float) -> Exchanges:
        found: Exchanges = []
        with suppress(HTTPError, TimeoutError):  # without the store no other worker can answer
            async with self._feed(token).watch() as events:
                await self._commands.send("report", token)
                async with asyncio.timeout(timeout) as deadline:
                    async for event in events:
                        if event.event == "gap":
                            continue
                        if not found:
                            now = asyncio.get_running_loop().time()
                            deadline.reschedule(now + OTHERS_TIMEOUT)
                        found.extend(json.loads(event.data))
        return found

    def _report(self, token: str) -> bool:
        """Publish the part of this process to the feed of the token."""
        if token not in self._recordings:
            return False
        self._requested.add(token)
        if token not in self._answers:
            self._answers[token] = asyncio.create_task(self._answer(token))
        return True

    async def _answer(self, token: str) -> None:
        try:
            # A request during a publish may have come too late for it: repeat.
            while token in self._requested:
                self._requested.remove(token)
                with suppress(HTTPError):  # the worker that asked gets a timeout
                    await self._feed(token).publish(self._recordings.as_json(token))
        finally:
            del self._answers[token]

    def _feed(self, token: str) -> Feed:
        return Feed(f"demo:wire:{token}", self._backend, max_events=16, ttl=60.0)
