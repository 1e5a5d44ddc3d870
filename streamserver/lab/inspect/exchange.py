"""A request of the inspector under way: its events are known while they arrive."""

import asyncio
from collections.abc import Callable, Iterable

from streamserver.lab.client.connection import ServerAddress
from streamserver.lab.inspect.message import MessageReader
from streamserver.lab.inspect.record import Limits, Recorder, method_of
from streamserver.lab.inspect.recording import Message, Read, TimedEvent


def identified(events: Iterable[TimedEvent]) -> list[TimedEvent]:
    """Those of the events that set an id.

    An event without one has the last id of the stream, so one with the same id as the event before
    it may have none; the first of them has.
    """
    last, found = None, []
    for one in events:
        if one.event.id not in ("", None, last):
            found.append(one)
            last = one.event.id
    return found


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
        return [one for one in self._reader.events if not one.is_comment]

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
