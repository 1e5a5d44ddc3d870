"""Printing beside a recording, in a thread, so that a slow terminal delays no read's time."""

import sys
from collections.abc import Callable, Iterable
from queue import SimpleQueue
from threading import Thread
from types import TracebackType

from streamserver.lab.inspect.recording import Read, Recording
from streamserver.lab.inspect.wire import WireView

SWITCH_INTERVAL = 0.0005
"""Seconds after which the thread lets another one run: it delays a read by no more."""
Lines = Callable[[], Iterable[str]]


class Printer:
    """A context that prints what it observes (``record.Observer``), all of it by its end.

    An error of the printing, which ends it, is raised at the end of the context.
    """

    def __init__(self, view: WireView, write: Callable[[str], object]) -> None:
        """``write``: prints a text."""
        self._view = view
        self._write = write
        self._lines: SimpleQueue[Lines | None] = SimpleQueue()
        self._error: Exception | None = None
        self._thread = Thread(target=self._run, daemon=True)
        self._interval = sys.getswitchinterval()

    def begin(self, request: bytes) -> None:
        """Print a request."""
        self._lines.put(lambda: self._view.begin(request))

    def feed(self, read: Read) -> bool:
        """Print a read; whether printing has failed, so that no more need be read."""
        self._lines.put(lambda: self._view.feed(read))
        return self._error is not None

    def end(self, recording: Recording) -> None:
        """Print how the recording ended."""
        self._lines.put(lambda: [*self._view.end(recording), ""])

    def __enter__(self) -> "Printer":
        sys.setswitchinterval(SWITCH_INTERVAL)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._lines.put(None)
        self._thread.join()
        sys.setswitchinterval(self._interval)
        if error is None and self._error is not None:
            raise self._error

    def _run(self) -> None:
        while (lines := self._lines.get()) is not None:
            if self._error is None:
                try:
                    self._write("".join(f"{line}\n" for line in lines()))
                except Exception as error:
                    self._error = error
