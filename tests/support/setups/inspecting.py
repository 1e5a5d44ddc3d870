"""The inspection of set-ups, all at once but those that delay others."""

import asyncio
from collections.abc import Mapping, Sequence

from streamserver.lab.client.client import server_of
from streamserver.lab.client.request import RequestSpec
from streamserver.lab.inspect.inspection import Inspection, inspect
from streamserver.lab.inspect.record import Limits
from streamserver.lab.inspect.requests import Bounds
from streamserver.proxy.origin import client_context
from support.setups.cases import Case

APART = 0.01
"""Seconds between the beginnings of two inspections, which would else delay each other."""
SECONDS = 1.5
BOUNDS = Bounds(each=1.2)


async def inspect_all(cases: Sequence[Case], urls: Mapping[str, str]) -> dict[str, Inspection]:
    """The inspection of each case by its name."""
    tls = client_context(verifies=False)

    async def one(n: int, case: Case) -> tuple[str, Inspection]:
        await asyncio.sleep(n * APART)
        spec = RequestSpec(urls[case.setup] + case.target)
        server = server_of(spec, tls)
        limits = Limits(seconds=SECONDS)
        return case.name, await inspect(spec, server, limits=limits, bounds=BOUNDS, **case.options)

    found: list[tuple[str, Inspection]] = []
    for is_heavy in (False, True):
        some = [case for case in cases if case.is_heavy == is_heavy]
        found += await asyncio.gather(*(one(n, case) for n, case in enumerate(some)))
    return dict(found)
