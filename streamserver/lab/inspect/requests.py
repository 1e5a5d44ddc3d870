"""The requests of one inspection, and the time that they have."""

import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import monotonic

from streamserver.lab.client.client import server_of
from streamserver.lab.client.request import RequestSpec
from streamserver.lab.inspect.codings import available
from streamserver.lab.inspect.exchange import Exchange
from streamserver.lab.inspect.message import read_message
from streamserver.lab.inspect.record import Limits, Observer, encode, record
from streamserver.lab.inspect.recording import Message

CODINGS = ("gzip", "deflate", "br", "zstd")
"""Those that browsers accept."""
Field = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Bounds:
    """The time that an inspection takes, in seconds."""

    main: float = 8.0
    """Of the main response, from its head. It is more if ``idle`` is."""
    further: float = 9.0
    """Of all further requests together, beyond the main response's time to its first event."""
    each: float = 3.0
    """Of each, beyond the same."""


DEFAULTS = Bounds()


class Requests:
    """Sends requests that differ from one in a few fields, each on a new connection."""

    def __init__(self, spec: RequestSpec, bounds: Bounds, tls: ssl.SSLContext | None) -> None:
        self.server = server_of(spec, tls)
        self.patience = bounds.each
        """Seconds in which the first event of a further response is expected."""
        self._bounds = bounds
        self._spec = spec
        self._codings = ", ".join(available(CODINGS))
        self._sent = 0
        self._end = 0.0

    async def main(self, idle: float, fields: list[Field], observer: Observer | None) -> Message:
        """The response to the first request. Its bytes are interpreted when all have arrived.

        The time of the further requests starts then.
        """
        limits = Limits(seconds=max(self._bounds.main, 1.2 * idle + 1 if idle else 0.0))
        request = self._request(fields)
        if observer is not None:
            observer.begin(request)
        until = observer.feed if observer is not None else None
        recording = await record(request, self.server, limits=limits, until=until)
        if observer is not None:
            observer.end(recording)
        main = read_message(recording)
        first = main.events[0].at if main.events else main.head_at
        self.patience = first + self._bounds.each
        self._end = monotonic() + first + self._bounds.further
        return main

    @property
    def is_time_left(self) -> bool:
        """Whether another request may be sent."""
        return monotonic() < self._end

    def start(
        self,
        is_enough: Callable[[Exchange], object],
        *fields: Field,
        version: str = "1.1",
        limits: Limits | None = None,
    ) -> Exchange:
        """Send the request with these fields, until the response is enough."""
        request = self._request(fields, version)
        return Exchange(request, self.server, limits or self._limits(), is_enough)

    async def get(
        self, is_enough: Callable[[Exchange], object], *fields: Field, version: str = "1.1"
    ) -> Message:
        """The response to the request with these fields, until it is enough."""
        return await self.start(is_enough, *fields, version=version).message()

    async def send(self, spec: RequestSpec) -> Message:
        """The response to another request."""
        return read_message(await record(encode(spec), self.server, limits=self._limits()))

    def _limits(self) -> Limits:
        return Limits(head=self.patience, seconds=self.patience)

    def _request(self, fields: Sequence[Field], version: str = "1.1") -> bytes:
        given = {name.lower() for name, _ in (*self._spec.fields, *fields)}
        codings = [] if "accept-encoding" in given else [("accept-encoding", self._codings)]
        self._sent += 1
        return encode(self._spec, *codings, *fields, version=version, n=self._sent - 1)
