"""How late the lab's target was, as a histogram."""

import json

from streamserver.lab.target.app import make_target
from streamserver.observe.metrics import Metrics
from support.asking import ask
from support.figures import Figures
from support.inprocess import Serve


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
