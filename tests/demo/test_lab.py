"""The lab's target below /lab of the demo."""

import json

import pytest

from support.asking import ask
from support.inprocess import Served


@pytest.mark.parametrize(
    "path", ["/lab/sse?count=1", "/lab/stream/1", "/lab/v1/models", "/lab/get", "/lab/lateness"]
)
async def test_its_endpoints_answer(server: Served, path: str) -> None:
    assert (await ask(server, path)).status == 200


async def test_its_lateness_is_that_of_its_own_streams(server: Served) -> None:
    await ask(server, "/lab/sse?count=3&gap=0")
    assert json.loads((await ask(server, "/lab/lateness")).body)["count"] >= 1
    assert (await ask(server, "/lab/lateness", "DELETE")).status == 204
    assert json.loads((await ask(server, "/lab/lateness")).body)["count"] == 0


async def test_its_routes_are_reported_by_their_patterns(server: Served) -> None:
    await ask(server, "/lab/stream/2?slots=1&fault=stall@event:1:0")
    assert [exchange.route for exchange in server.ended] == ["/lab/stream/{n}"]
