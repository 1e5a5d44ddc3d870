"""Long jobs: one request begins a job, others read its state, follow it or cancel it.

The state of a job is the newest event of its feed, so any worker can answer. A client that follows
a job can lose its connection and resume at another worker.
"""

import asyncio
import json
import uuid
from collections.abc import Mapping
from typing import Any

from streamserver.demo.commands import Commands
from streamserver.demo.job import KEPT, Job, Watchdog
from streamserver.feed.feed import Backend, Feed
from streamserver.kit.params import duration, json_object, whole
from streamserver.kit.request import Request
from streamserver.kit.response import Response
from streamserver.kit.tasks import cancel
from streamserver.wire.problem import HTTPError
from streamserver.wire.sse import Event

MAX_JOBS = 200
"""Jobs that a process runs at a time, and feeds of ended jobs that it keeps."""

MAX_DURATION = 1800
"""Seconds that a job may take."""

STOP_TIMEOUT = 1.0
"""Seconds that jobs have to publish their end when the server stops."""

STEPS = whole("steps", 1, 1000, default=20)
INTERVAL = duration("interval", 0, 60, default=0.25)
FAIL_AT = whole("fail_at", 1, 1000)


class Jobs:
    """The handlers of the jobs, whose feeds are in ``backend``; ``each_alone``: whether there are
    several workers, each with a backend of its own."""

    def __init__(self, backend: Backend, commands: Commands, each_alone: bool) -> None:
        self._backend = backend
        self._each_alone = each_alone
        self._commands = commands
        self._watchdog = Watchdog(commands)
        self._jobs: dict[str, Job] = {}  # until their end is published
        self._kept: dict[Feed, asyncio.TimerHandle] = {}  # feeds of ended jobs
        commands.define("cancel", self._cancel)

    async def start(self, request: Request) -> Response:
        """``POST /api/jobs`` with ``{"steps": 20, "interval": 0.25}``: begin a job.

        The 202 has its URL in Location. ``fail_at``: the number of a step that fails.
        """
        parameters = await json_object(request)
        steps, interval = _steps_and_interval(parameters)
        fail_at = FAIL_AT.of(parameters) if parameters.get("fail_at") is not None else None
        job = self._new_job(steps)
        try:
            self._commands.start()
            await job.publish()
            await self._commands.started()  # so that any worker can cancel it
        except BaseException:
            del self._jobs[job.id]
            raise
        job.start(interval, fail_at).add_done_callback(lambda _: self._keep(job))
        return _accepted(job.state)

    async def state(self, request: Request) -> Response:
        """``GET /api/jobs/{id}``: its newest state."""
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
        """``DELETE /api/jobs/{id}``: cancel it, wherever it runs. 409 if it has ended."""
        _, state = await self._newest(request)
        if state["state"] != "running":
            raise HTTPError(409, f"the job has ended: {state['state']}")
        await self._commands.run("cancel", state["id"])
        return _accepted(state)

    async def close(self) -> None:
        """Cancel the jobs of this process."""
        for job in self._jobs.values():
            job.cancel()
        if tasks := [job.task for job in self._jobs.values() if job.task is not None]:
            _, late = await asyncio.wait(tasks, timeout=STOP_TIMEOUT)
            await cancel(late)
        await self._watchdog.close()
        while self._kept:
            self._drop(next(iter(self._kept)))

    def _new_job(self, steps: int) -> Job:
        if sum(job.is_running for job in self._jobs.values()) >= MAX_JOBS:
            raise HTTPError(503, f"{MAX_JOBS} jobs are running", headers={"Retry-After": "5"})
        id = str(uuid.uuid4())
        job = self._jobs[id] = Job(id, self._feed(id), steps)
        return job

    def _feed(self, id: object) -> Feed:
        # The log holds all events of any job, so a late client gets them all.
        return Feed(f"job:{id}", self._backend, max_events=2000, ttl=KEPT)

    async def _newest(self, request: Request) -> tuple[Event, dict[str, Any]]:
        id = str(request.params["id"])
        feed = self._feed(id)
        newest = await feed.newest()
        if newest is None:
            detail = "there is no such job, or it has expired"
            if self._each_alone:
                detail += ", or another worker runs it: --redis shares the jobs of all workers"
            raise HTTPError(404, detail)
        state = json.loads(str(newest.data))
        if state["state"] == "running" and id not in self._jobs and self._backend.is_shared:
            self._watchdog.watch(id, feed)
        return newest, state

    def _cancel(self, id: str) -> bool:
        job = self._jobs.get(id)
        return job is not None and job.cancel()

    def _keep(self, job: Job) -> None:
        """Keep the feed of a job that has ended: without it a topic in memory is dropped."""
        del self._jobs[job.id]
        self._kept[job.feed] = asyncio.get_running_loop().call_later(KEPT, self._drop, job.feed)
        if len(self._kept) > MAX_JOBS:
            self._drop(next(iter(self._kept)))

    def _drop(self, feed: Feed) -> None:
        self._kept.pop(feed).cancel()


def _steps_and_interval(parameters: Mapping[str, object]) -> tuple[int, float]:
    steps, interval = STEPS.of(parameters), INTERVAL.of(parameters)
    if steps * interval > MAX_DURATION:
        allowed = f"{MAX_DURATION * 1000 // steps / 1000:g} at most for {steps} steps"
        detail = f"interval must be {allowed}, since a job may take {MAX_DURATION} s"
        detail += f", not {interval:g}"
        raise HTTPError(400, detail, parameter="interval", allowed=allowed)
    return steps, interval


def _accepted(state: dict[str, Any]) -> Response:
    return Response.json(state, status=202, headers={"Location": f"/api/jobs/{state['id']}"})
