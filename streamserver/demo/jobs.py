"""Long jobs: one request begins a job, and others look at it, follow it, or cancel it.

A job tells its progress to a feed of its own. Whoever follows it, from whichever worker, may lose
the connection and resume; and its state is just the newest event of that feed, so nothing else has
to be kept anywhere.
"""

import asyncio
import json
import uuid
from contextlib import aclosing, suppress
from typing import Any

from streamserver.demo.orders import Orders
from streamserver.demo.work import Ended, work
from streamserver.feed.feed import Backend, Feed
from streamserver.kit.params import json_object, number, whole
from streamserver.kit.request import Request
from streamserver.kit.response import Response
from streamserver.wire.problem import HTTPError
from streamserver.wire.sse import Event

MOST = 200
"""Jobs that one process runs at once; and those that it keeps after their end."""

KEPT = 600.0
"""Seconds for which a job can still be looked at after its end, unless too many ended after it."""

RETRY = 1.0
"""Seconds until the end of a job is told again, where the feed's store was out of reach."""

FAREWELL = 1.0
"""Seconds that jobs have to tell their end when the server stops."""

STEPS = whole("steps", 1, 1000, default=20)
INTERVAL = number("interval", 0, 60, default=0.25)
FAIL_AT = whole("fail_at", 1, 1000)


class Jobs:
    """The handlers of the jobs, whose feeds are in ``backend``."""

    __slots__ = ("_backend", "_kept", "_orders", "_running", "_starting", "_tasks")

    def __init__(self, backend: Backend, orders: Orders) -> None:
        self._backend = backend
        self._orders = orders
        self._starting = 0
        self._running: dict[str, asyncio.Task[None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()  # those that tell their end included
        self._kept: dict[Feed, asyncio.TimerHandle] = {}
        orders.define("cancel", self._cancel)

    async def start(self, request: Request) -> Response:
        """``POST /api/jobs`` with ``{"steps": 20, "interval": 0.25}``: begin a job.

        202, and Location says where it is. ``fail_at``: the step that fails, to see that too.
        """
        parameters = await json_object(request)
        steps, interval = STEPS.of(parameters), INTERVAL.of(parameters)
        fail_at = FAIL_AT.of(parameters) if parameters.get("fail_at") is not None else 0
        if len(self._running) + self._starting >= MOST:
            raise HTTPError(503, f"{MOST} jobs are running", headers={"Retry-After": "5"})
        id = str(uuid.uuid4())
        feed = self._feed(id)
        state = {"id": id, "state": "running", "step": 0, "steps": steps}
        self._starting += 1
        try:
            hearing = self._orders.begin()
            await feed.publish(state)
            await asyncio.shield(hearing)
        finally:
            self._starting -= 1
        task = asyncio.create_task(self._run(feed, state, interval, fail_at))
        self._running[id] = task
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return _accepted(state)

    async def state(self, request: Request) -> Response:
        """``GET /api/jobs/{id}``: how far it is."""
        _, state = await self._newest(request)
        return Response.json(state, headers={"Cache-Control": "no-cache"})

    async def events(self, request: Request) -> Response:
        """``GET /api/jobs/{id}/events``: its progress, from the beginning or where it was left off.

        The stream ends with the job. An EventSource that then comes back is told by a 204 that
        there is nothing to come back for (WHATWG HTML, section 9.2.3).
        """
        newest, state = await self._newest(request)
        feed = self._feed(request.params["id"])
        if state["state"] != "running" and feed.position(request) == newest.id:
            return Response(status=204)
        return feed.subscribe(request, start="beginning")

    async def cancel(self, request: Request) -> Response:
        """``DELETE /api/jobs/{id}``: have it stop, wherever it runs. 409 if it has ended."""
        _, state = await self._newest(request)
        if state["state"] != "running":
            raise HTTPError(409, f"the job has ended: {state['state']}")
        await self._orders.give("cancel", state["id"])
        return _accepted(state)

    async def close(self) -> None:
        """Cancel all that runs here."""
        for task in self._running.values():
            task.cancel()
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=FAREWELL)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        while self._kept:
            self._forget(next(iter(self._kept)))

    def _feed(self, id: object) -> Feed:
        return Feed(f"job:{id}", self._backend, max_events=2000, ttl=KEPT)

    async def _newest(self, request: Request) -> tuple[Event, dict[str, Any]]:
        newest = await self._feed(request.params["id"]).newest()
        if newest is None:
            raise HTTPError(404, "there is no such job, or none any more")
        return newest, json.loads(newest.data)

    def _cancel(self, id: str) -> bool:
        task = self._running.get(id)
        return task is not None and task.cancel()

    async def _run(self, feed: Feed, state: dict[str, Any], interval: float, fail_at: int) -> None:
        ended: Ended = "cancelled"
        try:
            async with aclosing(work(state["steps"], interval, fail_at)) as steps:
                async for step in steps:
                    state["step"] = step
                    with suppress(HTTPError):  # the next step is told all the same
                        if step < state["steps"]:
                            await feed.publish(state)
            ended = "done"
        except asyncio.CancelledError:
            pass
        except Exception as error:
            ended = "failed"
            state["error"] = str(error)
        finally:
            state["state"] = ended
            await self._end(feed, state)

    async def _end(self, feed: Feed, state: dict[str, Any]) -> None:
        del self._running[state["id"]]  # from now on nothing can be cancelled
        # Where the feed is in memory, it lives as long as it is held.
        self._kept[feed] = asyncio.get_running_loop().call_later(KEPT, self._forget, feed)
        if len(self._kept) > MOST:
            self._forget(next(iter(self._kept)))
        with suppress(TimeoutError):
            async with asyncio.timeout(KEPT):
                while not await _published(feed, state):
                    await asyncio.sleep(RETRY)

    def _forget(self, feed: Feed) -> None:
        self._kept.pop(feed).cancel()


async def _published(feed: Feed, state: dict[str, Any]) -> bool:
    try:
        await feed.publish(state, last=True)
    except HTTPError:
        return False
    return True


def _accepted(state: dict[str, Any]) -> Response:
    return Response.json(state, 202, {"Location": f"/api/jobs/{state['id']}"})
