"""The requests of an inspection."""

from streamserver.lab.client.connection import ServerAddress
from streamserver.lab.client.request import RequestSpec
from streamserver.lab.inspect.evidence import Evidence
from streamserver.lab.inspect.message import read_message
from streamserver.lab.inspect.record import Limits, Until, main_request, record


async def probe(
    spec: RequestSpec,
    server: ServerAddress,
    *,
    limits: Limits,
    idle: float = 0.0,
    origin: str = "",
    until: Until | None = None,
) -> Evidence:
    """Send the requests. ``until``: gets each read of the first one."""
    recording = await record(main_request(spec), server, limits=limits, until=until)
    return Evidence(read_message(recording), origin=origin, idle=idle)
