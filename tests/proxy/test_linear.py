"""The time to rewrite a head is linear in the number of its lines."""

from collections.abc import Callable

import pytest

from streamserver.proxy.forwarding import append
from streamserver.proxy.proxy import Proxy
from streamserver.proxy.rewriting import end_to_end
from streamserver.wire.response_heads import ResponseHead
from support.growth import MOST, MOST_IN_LOOP, growth, growth_in_loop
from support.inprocess import Serve
from support.passing import CLOSE
from support.rawsocket import raw
from support.requests import get
from support.strict import strict_upstream

LINES: dict[str, Callable[[int], list[bytes]]] = {
    "Connection": lambda n: [b"connection: x-%d" % number for number in range(n)],
    "Connection options": lambda n: [b"connection: " + b"x," * n],
    "Forwarded": lambda n: [b"forwarded: for=_a"] * n,
    "TE": lambda n: [b"te: gzip"] * n,
    "Upgrade": lambda n: [b"upgrade: h2c"] * n,
    "underscores": lambda n: [b"x_forwarded_for: a"] * n,
}


@pytest.mark.parametrize("lines", LINES.values(), ids=LINES)
async def test_a_request(lines: Callable[[int], list[bytes]], serve: Serve) -> None:
    """``max_head`` is raised, so that the work for the lines exceeds the fixed cost."""
    async with strict_upstream() as upstream:
        proxy = Proxy(f"http://127.0.0.1:{upstream.port}", forwarded="append")
        server = await serve(proxy, max_head=1 << 20)

        async def work(size: int) -> None:
            received = await raw(server.port, get(b"/", *lines(size), CLOSE))
            assert received.startswith(b"HTTP/1.1 200 OK\r\n")

        assert await growth_in_loop(work, 1000) < MOST_IN_LOOP


def test_a_response() -> None:
    def work(size: int) -> None:
        end_to_end(ResponseHead(200, [("connection", f"x-{number}") for number in range(size)]))

    assert growth(work, 500) < MOST


def test_lists_of_forwarded_fields() -> None:
    assert growth(lambda n: append([("forwarded", "for=a")], [("forwarded", "b")] * n), 1000) < MOST
