"""Several workers: each has its own lateness, which is logged; the metrics have that of all."""

import http.client
import json
from typing import Any

from support.figures import figure
from support.process import RunServer
from support.waiting import block_until

STREAMS = 8


def fetch(port: int, target: str) -> bytes:
    """A body, over a new connection, which may be to any worker."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("GET", target)
    body = connection.getresponse().read()
    connection.close()
    return body


def test_each_worker_has_its_own_lateness_and_the_metrics_that_of_all(
    run_server: RunServer,
) -> None:
    server = run_server("target", "--workers", "2", "--metrics", "--no-access-log")
    assert "each worker" in server.output()
    assert "its own figures at /lab/lateness" in server.output()
    seen: dict[int, Any] = {}
    for _ in range(STREAMS):
        fetch(server.port, "/raw?count=5&gap=0.001")

    def all_seen() -> bool:
        one = json.loads(fetch(server.port, "/lab/lateness"))
        seen[one["process"]] = one
        return len(seen) == 2

    block_until(all_seen, 20)
    assert sum(one["count"] for one in seen.values()) == STREAMS * 5

    def counted() -> bool:
        scraped = fetch(server.port, "/metrics").decode()
        return figure(scraped, "late_seconds_count") == STREAMS * 5

    block_until(counted, 20)
