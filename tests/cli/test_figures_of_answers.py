"""`bench --chat` against the target: the figures of its answers, goodput, and the exit status."""

import json
import re

from support.calling import call
from support.process import ServerProcess

ASKED = ("--chat", "--model", "streamserver-demo-fast", "--prompt", "Hello {n}")
BUSY = "not valid   the client was the limit"
"""What a run on a busy machine finds beside everything else; its exit status is 3."""


def test_the_table_has_the_usual_figures(target: ServerProcess) -> None:
    done = call(
        "bench", f"{target.url}/v1", *ASKED, "-n", "3", "-c", "3",
        "--goodput", "ttft=30s,tpot=30s,e2e=60s",
        "--slo", "goodput=100%,ttft_p99=30s,itl_max=30s,tpot_p95=30s,e2e_mean=60s",
    )  # fmt: skip
    assert done.returncode == (3 if BUSY in done.stdout else 0), done.stdout + done.stderr
    for name in ("TTFT", "TPOT", "E2E latency"):
        assert re.search(rf"^{name} +3 +[0-9.]+", done.stdout, re.MULTILINE), name
    for line in (
        r"ITL +[0-9]{2,} +[0-9.]+ .*",
        r"tokens +.*[0-9]+ output.*",
        r"throughput +[0-9.,]+ requests/s, [0-9.,]+ output tokens/s",
        r"per request +[0-9.,]+ output tokens/s at p50, [0-9.,]+ at p10",
        r"goodput +[0-9.]+ requests/s, 3 \(100.000%\) within ttft=30s, tpot=30s, e2e=60s",
        r"objective +goodput=100%: met, 100.000%",
    ):
        assert re.search(f"^{line}$", done.stdout, re.MULTILINE), line


def test_usage_is_used_and_missed_goodput_is_exit_status_1(target: ServerProcess) -> None:
    body = {
        "model": "streamserver-demo-fast",
        "stream": True,
        "stream_options": {"include_usage": True},
        "messages": [{"role": "user", "content": "Hello"}],
    }
    done = call(
        "bench", f"{target.url}/v1/chat/completions", "--data", json.dumps(body), "-n", "2",
        "--header", "Content-Type: application/json", "--json", "-",
        "--goodput", "ttft=30s,tpot=1ns", "--slo", "goodput=1%,tpot_p95=30s",
    )  # fmt: skip
    made = json.loads(done.stdout)
    assert done.returncode == (3 if made["not_valid"] else 1), done.stderr
    assert all(one.startswith("the client was the limit") for one in made["not_valid"])
    assert (made["goodput"]["good"], made["goodput"]["share"]) == (0, 0)
    assert [one["met"] for one in made["objectives"]] == [False, True]
    tokens = made["tokens"]
    assert (tokens["answers_by_usage"], tokens["answers_by_events"]) == (2, 0)
    assert tokens["input"] > 0
    assert tokens["output"] > 2
