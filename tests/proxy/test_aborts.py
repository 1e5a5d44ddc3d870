"""A thousand clients that leave at random moments, several at a time: every resource is freed."""

import asyncio
import contextlib
import random
import ssl

import pytest

from streamserver.kit.request import Request
from streamserver.kit.response import Response
from streamserver.proxy.proxy import Proxy
from streamserver.proxy.settings import PoolLimits, Timeouts
from streamserver.server.phase import Outcome
from support.inprocess import Served, running
from support.loops import factory, open_spares
from support.rawsocket import connect
from support.requests import chunked, get, post
from support.scripted import Company, company
from support.upstreams import full_backlog
from support.waiting import wait_until

ABORTS = 1000
AT_ONCE = 12
PLACES = 8
"""Fewer than there are clients, so that some of them leave while they wait."""
LIMITS = PoolLimits(open=PLACES, wait=60, idle_timeout=60)
PATIENT = Timeouts(connect=0, first_byte=0, gap=0)

SENT = [
    *map(get, (b"/silent", b"/head", b"/endless", b"/endless", b"/whole", b"/last", b"/death")),
    *(get(b"/handshake"), get(b"/connect"), get(b"/whole") * 3),
    *(post(bytes(1 << 18), target=b"/full"), chunked(b"piece", end=b"", target=b"/silent")),
    *(post(b"half", length=8, target=b"/head"), post(b"half", length=8, target=b"/endless")),
]


async def abort(server: Served, chance: random.Random) -> None:
    """Send a request, and leave a random moment later."""
    sent, turns, by_reset = chance.choice(SENT), chance.randrange(24), chance.random() < 0.5
    async with connect(server.port, receive_buffer=4096) as client:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(client.send(sent), 0.005)
        for _ in range(turns):
            await asyncio.sleep(chance.choice((0, 0, 0.0005)))
        if by_reset:
            client.reset()


async def abort_many(server: Served, chance: random.Random) -> None:
    left = iter(range(ABORTS))

    async def some() -> None:
        for _ in left:
            await abort(server, chance)

    async with asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE):
            group.create_task(some())


async def every_place_is_there(server: Served, upstream: Company) -> None:
    """As many requests as there are places are served concurrently, and no more."""
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(PLACES + 1):
            client = await stack.enter_async_context(connect(server.port))
            await client.send(get(b"/silent"))
        await wait_until(lambda: upstream.count(lambda actor: actor.busy) == PLACES)
        assert len(upstream.actors) == PLACES


async def main() -> None:
    async with company() as upstream:
        with full_backlog() as full:
            proxies = {
                "/handshake": Proxy(
                    f"https://127.0.0.1:{upstream.port}",
                    tls=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
                    timeouts=PATIENT,
                    pool=LIMITS,
                ),
                "/connect": Proxy(f"http://127.0.0.1:{full}", timeouts=PATIENT, pool=LIMITS),
            }
            plain = Proxy(f"http://127.0.0.1:{upstream.port}", timeouts=PATIENT, pool=LIMITS)

            async def handler(request: Request) -> Response:
                return await proxies.get(request.target, plain)(request)

            async with running(handler, max_body=1 << 20) as server:
                await abort_many(server, random.Random(3))
                await wait_until(lambda: not server.listener.connections)
                upstream.take_everything()
                await wait_until(lambda: not upstream.count(lambda actor: actor.busy))
                await wait_until(lambda: not upstream.count(lambda actor: bool(actor.heard)))
                assert len(upstream.actors) <= PLACES  # those that lie idle
                await every_place_is_there(server, upstream)
            await wait_until(lambda: not upstream.actors)
    outcomes = [exchange.outcome for exchange in server.ended]
    assert outcomes.count(Outcome.CLIENT_GONE) > ABORTS // 2


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_nothing_is_left_after_a_thousand_aborts(loop: str) -> None:
    # Not in debug mode, whose records of call stacks would take most of the time.
    with asyncio.Runner(debug=False, loop_factory=factory(loop)) as runner:
        runner.run(open_spares())
        runner.run(main())
