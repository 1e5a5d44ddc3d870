"""The requests of one inspection, and the time that they have."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import monotonic

from streamserver.lab.client.connection import ServerAddress
from streamserver.lab.client.request import RequestSpec
from streamserver.lab.inspect.message import MessageReader, read_message
from streamserver.lab.inspect.record import (
    ACCEPT,
    CODINGS,
    Limits,
    Observer,
    Recorder,
    encode,
    record,
)
from streamserver.lab.inspect.recording import Message, Read, TimedEvent, identified, method_of

Field = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Bounds:
    """The time of the further requests in seconds. The time of the main response's first event is
    added to each."""

    together: float = 8.0
    """After it no further request is sent."""
    each: float = 3.0
    """For the head of a response, and again for what it has to show."""


BOUNDS = Bounds()


class Exchange:
    """A request, which is sent at once, and its response so far."""

    def __init__(
        self,
        request: bytes,
        server: ServerAddress,
        limits: Limits,
        is_enough: Callable[["Exchange"], object],
    ) -> None:
        """``is_enough`` is called after each read; a true value ends the exchange."""
        self._reader = MessageReader(method_of(request))
        self._is_enough = is_enough
        self._changed = asyncio.Event()
        self._recorder = Recorder(request, limits, self._on_read)
        self._recording = asyncio.create_task(self._recorder.record(server))
        self._recording.add_done_callback(lambda _: self._changed.set())

    @property
    def has_head(self) -> bool:
        """Whether the final head arrived."""
        return self._reader.parts.head is not None

    @property
    def events(self) -> list[TimedEvent]:
        """The events so far."""
        return self._reader.events

    @property
    def ids(self) -> list[TimedEvent]:
        """Those that set an id."""
        return identified(self._reader.events)

    async def wait(self, condition: Callable[[], object], seconds: float) -> bool:
        """Wait until the condition holds after a read; False after the end or ``seconds``."""
        try:
            async with asyncio.timeout(seconds):
                while not condition():
                    if self._recording.done():
                        return False
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            return False
        return True

    async def message(self) -> Message:
        """The response, when the exchange has ended."""
        return self._reader.message(await self._recording)

    def stop(self) -> None:
        """End the exchange."""
        self._recorder.end("stopped", "enough was seen")

    async def close(self) -> None:
        """End the exchange, and wait until its connection is closed."""
        self.stop()
        await asyncio.wait([self._recording])

    def _on_read(self, read: Read) -> object:
        self._reader.feed(read)
        self._changed.set()
        return self._is_enough(self)


class Requests:
    """Sends requests that differ from one in a few fields, each on a new connection."""

    def __init__(self, spec: RequestSpec, server: ServerAddress, bounds: Bounds) -> None:
        self.patience = bounds.each
        """Seconds in which the first event of a further response is expected."""
        self._bounds = bounds
        self._spec = spec
        self._server = server
        self._sent = 0
        self._end = 0.0
        self._started: list[Exchange] = []

    async def main(
        self, limits: Limits, fields: Sequence[Field], observer: Observer | None
    ) -> Message:
        """The response to the first request. Its bytes are interpreted when all have arrived.

        The time of the further requests starts then.
        """
        request = self._request(fields)
        if observer is not None:
            observer.begin(request)
        until = observer.feed if observer is not None else None
        recording = await record(request, self._server, limits=limits, until=until)
        if observer is not None:
            observer.end(recording)
        main = read_message(recording)
        first = main.events[0].at if main.events else main.head_at
        self.patience = first + self._bounds.each
        self._end = monotonic() + first + self._bounds.together
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
        exchange = Exchange(request, self._server, limits or self._limits(), is_enough)
        self._started.append(exchange)
        return exchange

    async def close(self) -> None:
        """Close all connections."""
        for exchange in self._started:
            await exchange.close()

    async def get(
        self, is_enough: Callable[[Exchange], object], *fields: Field, version: str = "1.1"
    ) -> Message:
        """The response to the request with these fields, until it is enough."""
        return await self.start(is_enough, *fields, version=version).message()

    async def send(self, spec: RequestSpec) -> Message:
        """The response to another request."""
        return read_message(await record(encode(spec), self._server, limits=self._limits()))

    def _limits(self) -> Limits:
        left = max(self._end - monotonic(), self._bounds.each)
        return Limits(head=self.patience, seconds=min(self.patience, left))

    def _request(self, fields: Sequence[Field], version: str = "1.1") -> bytes:
        given = {name.lower() for name, _ in (*self._spec.fields, *fields)}
        defaults = [one for one in (ACCEPT, CODINGS) if one[0] not in given]
        self._sent += 1
        return encode(self._spec, *defaults, *fields, version=version, n=self._sent - 1)
