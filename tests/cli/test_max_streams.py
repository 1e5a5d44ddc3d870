"""`proxy --max-streams` with several workers: they share the limit."""

import asyncio
import json
import os
import random
import signal

from support.figures import figure
from support.holding import holding
from support.process import RunServer, ServerProcess, workers_of
from support.rawsocket import connect, raw
from support.relaying import LAST_CHUNK
from support.requests import LAST, get
from support.waiting import wait_until

LIMIT = 4
CHOICES = random.Random(3)


async def ask(port: int) -> bool:
    """Request a stream; return whether it was complete. Some clients leave before."""
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


def begin(port: int, count: int) -> list[asyncio.Task[bool]]:
    return [asyncio.create_task(ask(port)) for _ in range(count)]


async def test_workers_share_the_limit_over_a_restart_and_a_death(run_server: RunServer) -> None:
    async with holding() as upstream:
        options = ("--workers", "2", "--max-streams", str(LIMIT), "--metrics", "--ready-upstreams")
        server = run_server("proxy", upstream.url, *options)
        port = server.port
        old = workers_of(server)
        asking = begin(port, 40)
        await wait_until(lambda: upstream.total > 10)
        server.process.send_signal(signal.SIGHUP)
        while "restarted: " not in server.output():  # the old workers drain beside the new ones
            asking += begin(port, 5)
            await asyncio.sleep(0.05)
        asking += begin(port, 10)
        assert all(await asyncio.gather(*asking))
        await wait_until(lambda: not {*old} & {*workers_of(server)})
        # The streams of a worker that dies make room for those of the other one.
        total = upstream.total
        asking = begin(port, 40)
        await wait_until(lambda: upstream.total > total + 10)
        os.kill(workers_of(server)[0], signal.SIGKILL)
        await asyncio.gather(*asking, return_exceptions=True)
        await wait_until(lambda: not upstream.open)
        assert all(await asyncio.gather(*begin(port, 20)))
        assert upstream.most == LIMIT
        await check_probes(server, upstream.url)


async def check_probes(server: ServerProcess, url: str) -> None:
    """What is seen of all this, in the log too."""
    port = server.port
    seen = json.loads((await raw(port, page(b"/upstreams"))).partition(b"\r\n\r\n")[2])
    assert seen["pid"] in workers_of(server)
    (upstream,) = seen["groups"][0]["upstreams"]
    assert (upstream["url"], upstream["limit"]) == (url, LIMIT)
    assert (await raw(port, page(b"/ready"))).startswith(b"HTTP/1.1 200 ")
    scraped = (await raw(port, page(b"/metrics"))).decode().partition("\r\n\r\n")[2]
    assert figure(scraped, "upstream_queue_seconds_count") > 20
    assert figure(scraped, "upstream_queue_seconds_sum") > 0
    assert " queue_ms=" in server.stdout.read_text("utf-8")
