"""How late the lab's target was, as a histogram."""

import json

from streamserver.lab.target.app import make_target
from streamserver.observe.metrics import Metrics
from support.asking import ask
from support.figures import Figures
from support.inprocess import Serve


def test_how_late_the_event_loop_was(metrics: Metrics, figures: Figures) -> None:
    metrics.loop_delays([0.0] * 17 + [0.2, 0.15, 0.1])
    metrics.loop_delays([0.0])
    assert figures("loop_delay_seconds_count") == 21
    assert figures("loop_delay_seconds_bucket", le="0.1") == 19
    assert abs(figures("loop_delay_seconds_sum") - 0.45) < 1e-6


async def test_each_event_that_has_a_time_of_its_own_is_counted(
    serve: Serve, metrics: Metrics, figures: Figures
) -> None:
    target = await serve(make_target(), observers=[metrics])
    for path in ("/sse", "/jsonl"):
        await ask(target, f"{path}?count=5&gap=0.001")
    await ask(target, "/raw?count=5&gap=0")
    assert figures("late_seconds_count") == 11
    summary = json.loads((await ask(target, "/lab/lateness")).body)
    late = summary["mean_ms"] * summary["count"] / 1000
    assert abs(figures("late_seconds_sum") - late) < 1e-6
    assert figures("late_seconds_bucket", le="+Inf") == 11
