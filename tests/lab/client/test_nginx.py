"""Through nginx, which regroups reads, but not events."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from streamserver.lab.client.client import Client
from streamserver.lab.client.record import Record
from streamserver.lab.client.request import RequestSpec
from streamserver.lab.target.app import make_target
from support.inprocess import Serve
from support.nginx import nginx, reserved_port

EVENTS = 10
SERVER = """
    server {{
        listen 127.0.0.1:{front} reuseport;
        proxy_http_version 1.1;
        proxy_set_header Connection "";
        location / {{ proxy_pass http://127.0.0.1:{origin}; proxy_buffering off; }}
        location /held/ {{
            proxy_pass http://127.0.0.1:{origin}/;
            proxy_http_version 1.0;
            proxy_buffering on;
            proxy_ignore_headers X-Accel-Buffering;
        }}
    }}
"""


@pytest.fixture
def front() -> Iterator[int]:
    with reserved_port() as port:
        yield port


async def fetch(url: str) -> Record:
    client = Client(RequestSpec(url))
    record = await client.exchange()
    client.close()
    return record


async def test_a_buffering_hop_changes_reads_and_not_events(
    serve: Serve, front: int, tmp_path: Path
) -> None:
    served = await serve(make_target())
    path = f"sse?count={EVENTS}&gap=0.01&stamps=1"
    with nginx(tmp_path, SERVER.format(front=front, origin=served.port), front):
        direct = await fetch(f"{served.url}/{path}")
        passed = await fetch(f"http://127.0.0.1:{front}/{path}")
        held = await fetch(f"http://127.0.0.1:{front}/held/{path}")
    assert [one.end for one in (direct, passed, held)] == ["complete"] * 3
    assert [one.events for one in (direct, passed, held)] == [EVENTS] * 3
    assert [len(one.stamps) for one in (direct, passed, held)] == [EVENTS] * 3
    assert direct.chunks == EVENTS
    # The buffer is flushed at the end.
    assert max(held.reads, held.chunks) < EVENTS
    assert held.first_event >= held.stamps[-1].sent > held.stamps[0].sent
    assert passed.first_event < held.stamps[-1].sent
