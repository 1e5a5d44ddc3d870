"""The inspection of set-ups, several at once."""

import asyncio
from collections.abc import Iterable, Mapping

from streamserver.lab.client.client import server_of
from streamserver.lab.client.request import RequestSpec
from streamserver.lab.inspect.inspection import Inspection, inspect
from streamserver.lab.inspect.record import Limits
from streamserver.lab.inspect.requests import Bounds
from streamserver.proxy.origin import client_context
from support.setups.cases import Case

AT_ONCE = 64
SECONDS = 1.5
BOUNDS = Bounds(each=1.2)


async def inspect_all(
    cases: Iterable[Case], urls: Mapping[str, str], at_once: int = AT_ONCE
) -> dict[str, Inspection]:
    """The inspection of each case by its name."""
    free = asyncio.Semaphore(at_once)
    tls = client_context(verifies=False)

    async def one(case: Case) -> tuple[str, Inspection]:
        spec = RequestSpec(urls[case.setup] + case.target)
        server = server_of(spec, tls)
        limits = Limits(seconds=SECONDS)
        async with free:
            return case.name, await inspect(
                spec, server, limits=limits, bounds=BOUNDS, **case.options
            )

    return dict(await asyncio.gather(*map(one, cases)))
