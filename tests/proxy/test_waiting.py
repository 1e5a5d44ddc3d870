"""The wait for an upstream in the log, in the metrics and at the client."""

import re
from typing import Any

from prometheus_client import CollectorRegistry

from streamserver.observe.metrics import Metrics
from streamserver.proxy.settings import PoolLimits, QueueLimits
from support.beating import ASK, INTERVAL, beaten, events, last_words
from support.figures import Figures
from support.problems import problem
from support.rawsocket import until_end
from support.relaying import EVENTS_HEAD, LAST_CHUNK, chunk, ok
from support.requests import get
from support.stage import staged
from support.upstreams import has_caller

ONE: dict[str, Any] = {"max_streams": 1, "pool": PoolLimits(idle=0)}
FULL = "too many requests wait for the upstream"


async def test_the_wait_is_in_the_log_and_in_the_figures() -> None:
    metrics = Metrics(registry=CollectorRegistry())
    figures = Figures(metrics)
    async with staged(
        **ONE, queue=QueueLimits(1, 0.05), server_timing=True, observers=[metrics]
    ) as at:
        first, peer = await at.ask(b"/1")
        late = await at.begin(get(b"/late"))
        assert await problem(await at.begin(get(b"/full"))) == (503, FULL)
        await problem(late)
        gone = await at.begin(get(b"/gone"))
        gone.reset()
        await at.has_ended(3)
        waited = await at.begin(get(b"/waited"))
        await peer.send(ok(b"first"))
        head = await first.read_until(b"first")
        assert b"queue" not in head
        peer = await at.upstream.asked()
        await peer.send(ok(b"second"))
        await waited.read_until(b"second")
        timing = rb"\r\nserver-timing: queue;dur=[0-9.]+, connect;dur=[0-9.]+, upstream;dur="
        assert re.search(timing, waited.received)
        await at.has_ended(5)
        queue_ms = {each.target: dict(each.attributes).get("queue_ms") for each in at.server.ended}
    assert queue_ms["/1"] is None
    assert float(queue_ms["/late"] or 0) >= 50
    assert all(float(queue_ms[name] or 0) > 0 for name in ("/gone", "/waited"))
    refusals = [figures("upstream_queue_refusals_total", reason=why) for why in ("full", "late")]
    assert refusals == [1, 1]
    assert figures("upstream_queue_seconds_count") == 2  # those that the upstream got
    assert 0 < figures("upstream_queue_seconds_sum") < 10


async def test_heartbeats_are_sent_while_a_request_waits() -> None:
    async with staged(**ONE, heartbeat=INTERVAL) as at:
        _, peer = await at.ask(b"/1")
        second = await at.begin(ASK)
        await second.read_until(beaten(2))
        assert not has_caller(at.upstream)
        await peer.send(ok(b"whole"))
        peer = await at.upstream.asked()
        await peer.send(EVENTS_HEAD + chunk(b"data: x\n\n") + LAST_CHUNK)
        received = await second.read_until(LAST_CHUNK)
    assert [event.data for event in events(received)] == ["x"]


async def test_a_refusal_after_an_early_head_is_reported_in_an_event() -> None:
    async with staged(**ONE, heartbeat=INTERVAL, queue=QueueLimits(1, 0.1)) as at:
        await at.ask(b"/1")
        second = await at.begin(ASK)
        await until_end(second)
        problem = last_words(second.received)
    assert (problem["status"], problem["detail"]) == (503, "the upstream had no room within 0.1 s")
