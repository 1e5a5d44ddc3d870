"""Printing beside a recording, in a thread, so that a slow terminal delays no read's time."""

import sys
from collections.abc import Callable, Iterable
from queue import SimpleQueue
from threading import Thread
from types import TracebackType

from streamserver.lab.inspect.recording import Read

SWITCH_INTERVAL = 0.0005
"""Seconds after which the thread lets another one run: it delays a read by no more."""


class Printer:
    """A context in which reads are printed; those that were fed are printed at its end."""

    def __init__(
        self, lines_of: Callable[[Read], Iterable[str]], write: Callable[[str], object]
    ) -> None:
        """``write``: prints a text; after an error of it nothing more is printed."""
        self.problem: Exception | None = None
        """The error that ended the printing."""
        self._lines_of = lines_of
        self._write = write
        self._reads: SimpleQueue[Read | None] = SimpleQueue()
        self._thread = Thread(target=self._run, daemon=True)
        self._interval = sys.getswitchinterval()

    def feed(self, read: Read) -> bool:
        """Print a read soon; whether printing has failed."""
        self._reads.put(read)
        return self.problem is not None

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
        self._reads.put(None)
        self._thread.join()
        sys.setswitchinterval(self._interval)

    def _run(self) -> None:
        while (read := self._reads.get()) is not None:
            if self.problem is None:
                try:
                    self._write("".join(f"{line}\n" for line in self._lines_of(read)))
                except Exception as error:
                    self.problem = error
