"""`proxy --max-streams` with several workers: the limit is that of all together."""

import asyncio
import json
import os
import random
import signal

from support.figures import figure
from support.holding import holding
from support.process import RunServer, workers_of
from support.rawsocket import connect, raw
from support.relaying import LAST_CHUNK
from support.requests import LAST, get
from support.waiting import wait_until

LIMIT = 4
CHOICES = random.Random(3)


async def ask(port: int) -> bool:
    """Ask for a stream; whether it came whole. Some leave before."""
    seconds, leaves = CHOICES.uniform(0.005, 0.05), CHOICES.random() < 0.2
    async with connect(port) as client:
        await client.send(get(b"/%.3f" % seconds))
        try:
            await client.read_until(LAST_CHUNK, seconds / 2 if leaves else 20)
        except (TimeoutError, OSError, EOFError):
            client.reset()
            return leaves
        return client.received.startswith(b"HTTP/1.1 200 ")


def page(target: bytes) -> bytes:
    return LAST.replace(b"/last", target)


async def test_workers_share_the_limit_also_when_one_is_killed(run_server: RunServer) -> None:
    async with holding() as upstream:
        options = ("--workers", "2", "--max-streams", str(LIMIT), "--metrics", "--ready-upstreams")
        server = run_server("proxy", upstream.url, *options)
        port = server.port
        asking = [asyncio.create_task(ask(port)) for _ in range(60)]
        await wait_until(lambda: upstream.total > 20)
        assert all(await asyncio.gather(*asking))
        # The streams of a worker that dies make room for those of the other one.
        asking = [asyncio.create_task(ask(port)) for _ in range(60)]
        await wait_until(lambda: upstream.total > 80)
        os.kill(workers_of(server)[0], signal.SIGKILL)
        await asyncio.gather(*asking, return_exceptions=True)
        await wait_until(lambda: not upstream.open)
        asking = [asyncio.create_task(ask(port)) for _ in range(20)]
        assert all(await asyncio.gather(*asking))
        assert upstream.most == LIMIT

        seen = json.loads((await raw(port, page(b"/upstreams"))).partition(b"\r\n\r\n")[2])
        assert seen["pid"] in workers_of(server)
        (upstream_seen,) = seen["groups"][0]["upstreams"]
        assert (upstream_seen["url"], upstream_seen["limit"]) == (upstream.url, LIMIT)
        assert (await raw(port, page(b"/ready"))).startswith(b"HTTP/1.1 200 ")
        text = (await raw(port, page(b"/metrics"))).decode()
        scraped = text.partition("\r\n\r\n")[2]
        assert figure(scraped, "upstream_queue_seconds_count") >= 40
        assert figure(scraped, "upstream_queue_seconds_sum") > 0
        log = server.stdout.read_text("utf-8")
        assert " queue_ms=" in log
