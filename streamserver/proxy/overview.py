"""The upstreams of several relays: their states for an operator, and whether one can be reached.

Whether an upstream can be reached is asked at the moment, by opening a connection: without
requests, a relay does not detect that an upstream has ended. One that accepts connections but has
failed later, as when it did not respond in time, is not counted as reachable until its exclusion
ends.
"""

import asyncio
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from streamserver.proxy.health import EXCLUDED, HEALTHY, PROBED
from streamserver.proxy.limited import LimitedGroup
from streamserver.proxy.proxy import Proxy
from streamserver.proxy.replica import Replica
from streamserver.proxy.state import ProxyState
from streamserver.server.state import ServerState
from streamserver.wire.problem import HTTPError

KEPT = 1.0
"""Seconds between two attempts to reach the upstreams, however often the relay is asked."""

STATES = {HEALTHY: "available", EXCLUDED: "excluded", PROBED: "on probation"}


class Overview:
    """The upstreams of ``relays``, which are pairs of a prefix of targets and its relay.
    ``decides_readiness``: whether the server is ready only while one of them can be reached."""

    def __init__(
        self, relays: Sequence[tuple[str, Proxy]], decides_readiness: bool = False
    ) -> None:
        self.decides_readiness = decides_readiness
        self._relays = relays
        self._checks: dict[ServerState, tuple[asyncio.Task[str], float]] = {}

    def describe(self, server: ServerState) -> object:
        """The state of each upstream as a value for JSON; of this process, if there are several."""
        now = server.loop.time()
        groups = [_group(prefix, relay.state(server), now) for prefix, relay in self._relays]
        return {"pid": os.getpid(), "groups": groups}

    def load(self) -> tuple[Mapping[str, int], int]:
        """The number of open streams of each upstream, and how many requests wait for one."""
        streams: Counter[str] = Counter()
        waiting = 0
        for _, relay in self._relays:
            for state in relay.states:
                for replica in state.replicas:
                    streams[replica.name] += _open_streams(replica, state)
                waiting += _waiting(state)
        return streams, waiting

    async def unreachable(self, server: ServerState) -> str:
        """Why none of the upstreams can be reached; "" if one can. All calls
        within ``KEPT`` seconds share the attempts."""
        now = server.loop.time()
        if server not in self._checks:
            server.on_close.append(lambda: self._cancel(server))
        check, began = self._checks.get(server, (None, 0.0))
        if check is None or (check.done() and now - began >= KEPT):
            check = server.loop.create_task(self._reach_any(server))
            self._checks[server] = check, now
        return await asyncio.shield(check)

    def _cancel(self, server: ServerState) -> None:
        check, _ = self._checks.pop(server)
        if check.cancel():
            server.unwinding.add(check)
            check.add_done_callback(server.unwinding.discard)

    async def _reach_any(self, server: ServerState) -> str:
        replicas = [each for _, relay in self._relays for each in relay.state(server).replicas]
        attempts = {server.loop.create_task(_reach(each, server.loop.time())) for each in replicas}
        reasons: list[str] = []
        try:
            for attempt in asyncio.as_completed(attempts):
                if not (reason := await attempt):
                    return ""
                reasons.append(reason)
        finally:
            for task in attempts:
                task.cancel()
            await asyncio.wait(attempts)
        return f"no upstream can be reached: {'; '.join(sorted(set(reasons)))}"


async def _reach(replica: Replica, now: float) -> str:
    """Why a replica cannot be reached; "" if it can."""
    health, failure = replica.health, replica.last_failure
    is_excluded = health.standing is EXCLUDED and now < health.until and not health.is_refusing
    if is_excluded and failure is not None and failure.is_sent:
        return failure.detail
    try:
        await replica.pool.reach()
    except HTTPError as error:
        return error.detail
    return ""


def _group(prefix: str, state: ProxyState, now: float) -> dict[str, object]:
    group = state.group
    queue = {"waiting": _waiting(state)} if isinstance(group, LimitedGroup) else None
    upstreams = [_upstream(replica, state, now) for replica in state.replicas]
    return {"prefix": prefix, "queue": queue, "upstreams": upstreams}


def _upstream(replica: Replica, state: ProxyState, now: float) -> dict[str, object]:
    health, failure, group = replica.health, replica.last_failure, state.group
    standing = HEALTHY if len(state.replicas) == 1 else health.standing  # see ``Group.candidates``
    until = max(health.until - now, 0.0) if standing is EXCLUDED else None
    return {
        "url": replica.origin.url,
        "state": STATES[standing],
        "reason": None if standing is HEALTHY else _reason(replica),
        "next_attempt_s": None if until is None else round(until, 3),
        "open_streams": _open_streams(replica, state),
        "limit": group.slots[replica].limit if isinstance(group, LimitedGroup) else None,
        "requests": None if group is None else replica.requests,
        "failures": replica.failures,
        "last_failure": failure and {"time": _time(failure.time), "detail": failure.detail},
    }


def _reason(replica: Replica) -> str:
    """Why it is not available."""
    if replica.health.is_refusing or replica.last_failure is None:
        return "it has sent a Retry-After"
    return replica.last_failure.detail


def _open_streams(replica: Replica, state: ProxyState) -> int:
    """Without a group nothing counts them, but each has a connection."""
    return replica.pool.in_use if state.group is None else replica.open


def _waiting(state: ProxyState) -> int:
    return len(state.group.queue) if isinstance(state.group, LimitedGroup) else 0


def _time(seconds: float) -> str:
    """A time since 1970 as in RFC 3339."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")[:-6] + "Z"
