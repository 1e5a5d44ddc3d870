"""Long jobs: one request begins a job, and others look at it, follow it, or cancel it.

A job tells its progress to a feed of its own. Whoever follows it, from whichever worker, may lose
the connection and resume; and its state is just the newest event of that feed, so nothing else has
to be kept anywhere.
"""

import asyncio
import json
import uuid
from collections.abc import Mapping
from typing import Any

from streamserver.demo.job import KEPT, Job
from streamserver.demo.lost import Watch
from streamserver.demo.orders import Orders
from streamserver.feed.feed import Backend, Feed
from streamserver.kit.params import duration, json_object, whole
from streamserver.kit.request import Request
from streamserver.kit.response import Response
from streamserver.wire.problem import HTTPError
from streamserver.wire.sse import Event

MOST = 200
"""Jobs that one process runs at once; and those that it keeps after their end."""

LONGEST = 1800
"""Seconds that a job may take."""

FAREWELL = 1.0
"""Seconds that jobs have to tell their end when the server stops."""

STEPS = whole("steps", 1, 1000, default=20)
INTERVAL = duration("interval", 0, 60, default=0.25)
FAIL_AT = whole("fail_at", 1, 1000)


class Jobs:
    """The handlers of the jobs, whose feeds are in ``backend``; ``each_alone``: whether there are
    several workers, each with a backend of its own."""

    __slots__ = ("_backend", "_each_alone", "_jobs", "_kept", "_orders", "_watch")

    def __init__(self, backend: Backend, orders: Orders, each_alone: bool) -> None:
        self._backend = backend
        self._each_alone = each_alone
        self._orders = orders
        self._watch = Watch(orders)
        self._jobs: dict[str, Job] = {}  # until they have told their end
        self._kept: dict[Feed, asyncio.TimerHandle] = {}  # of those that have
        orders.define("cancel", self._cancel)

    async def start(self, request: Request) -> Response:
        """``POST /api/jobs`` with ``{"steps": 20, "interval": 0.25}``: begin a job.

        202, and Location says where it is. ``fail_at``: the step that fails, to see that too.
        """
        parameters = await json_object(request)
        steps, interval = _steps_and_interval(parameters)
        fail_at = FAIL_AT.of(parameters) if parameters.get("fail_at") is not None else None
        job = self._new(steps)
        try:
            hearing = self._orders.begin()  # of those to cancel it
            await job.tell()
            await asyncio.shield(hearing)
        except BaseException:
            del self._jobs[job.id]
            raise
        job.start(interval, fail_at).add_done_callback(lambda _: self._keep(job))
        return _accepted(job.state)

    async def state(self, request: Request) -> Response:
        """``GET /api/jobs/{id}``: how far it is."""
        _, state = await self._newest(request)
        return Response.json(state, headers={"Cache-Control": "no-cache"})

    async def events(self, request: Request) -> Response:
        """``GET /api/jobs/{id}/events``: the job's progress, resumed after Last-Event-ID.

        The stream ends with the job. An EventSource that reconnects after the end gets a 204,
        which stops it (WHATWG HTML, section 9.2.3).
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
        for job in self._jobs.values():
            job.cancel()
        if tasks := [job.task for job in self._jobs.values() if job.task is not None]:
            _, late = await asyncio.wait(tasks, timeout=FAREWELL)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        await self._watch.close()
        while self._kept:
            self._forget(next(iter(self._kept)))

    def _new(self, steps: int) -> Job:
        if sum(job.is_running for job in self._jobs.values()) >= MOST:
            raise HTTPError(503, f"{MOST} jobs are running", headers={"Retry-After": "5"})
        id = str(uuid.uuid4())
        job = self._jobs[id] = Job(id, self._feed(id), steps)
        return job

    def _feed(self, id: object) -> Feed:
        # More events than a job can tell, its beats included: whoever comes late gets all of them.
        return Feed(f"job:{id}", self._backend, max_events=2000, ttl=KEPT)

    async def _newest(self, request: Request) -> tuple[Event, dict[str, Any]]:
        id = str(request.params["id"])
        feed = self._feed(id)
        newest = await feed.newest()
        if newest is None:
            raise HTTPError(404, "there is no such job, or none any more" + self._whose())
        state = json.loads(str(newest.data))
        if state["state"] == "running" and id not in self._jobs and self._backend.is_shared:
            self._watch.add(id, feed)
        return newest, state

    def _whose(self) -> str:
        """Where else it may be."""
        if not self._each_alone:
            return ""
        return "; or another worker has it: each has its own feed, and --redis shares them"

    def _cancel(self, id: str) -> bool:
        job = self._jobs.get(id)
        return job is not None and job.cancel()

    def _keep(self, job: Job) -> None:
        """Hold on to the feed of a job that has ended: in memory it lives as long as that."""
        del self._jobs[job.id]
        self._kept[job.feed] = asyncio.get_running_loop().call_later(KEPT, self._forget, job.feed)
        if len(self._kept) > MOST:
            self._forget(next(iter(self._kept)))

    def _forget(self, feed: Feed) -> None:
        self._kept.pop(feed).cancel()


def _steps_and_interval(parameters: Mapping[str, object]) -> tuple[int, float]:
    """As they are given, together no longer than a job may take; HTTPError 400."""
    steps, interval = STEPS.of(parameters), INTERVAL.of(parameters)
    if steps * interval > LONGEST:
        allowed = f"{LONGEST * 1000 // steps / 1000:g} at most for {steps} steps"  # rounded down
        detail = f"interval must be {allowed}, since a job may take {LONGEST} s, not {interval:g}"
        raise HTTPError(400, detail, parameter="interval", allowed=allowed)
    return steps, interval


def _accepted(state: dict[str, Any]) -> Response:
    return Response.json(state, status=202, headers={"Location": f"/api/jobs/{state['id']}"})
