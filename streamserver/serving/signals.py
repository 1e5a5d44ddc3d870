"""Signals of a server: SIGTERM and SIGINT stop it, SIGHUP restarts its workers.

A signal that arrives before the event loop runs, while the app is imported, ends the process at
once: with exit status 0 after SIGTERM, and 130 after SIGINT, as a shell reports it. Once the loop
runs, the first signal drains and a second one cuts the open streams.

SIGHUP is for a supervisor alone, and ignored by its workers, because the whole process group may
get it. It is also ignored where it means that a terminal has closed, or where the program that
started the server, such as nohup, has it ignored. The commands that serve log and ignore SIGUSR1
and SIGUSR2.
"""

import asyncio
import errno
import logging
import signal
import termios
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)
IGNORED = (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
"""Other servers reload or reopen their logs at these; their default action ends the process."""

logger = logging.getLogger("streamserver")


class Stopped(BaseException):
    """A signal arrived before there was a server to stop; `status` is the exit status for it.

    Not an Exception: an app that catches Exception while it is imported must not catch this.
    """

    def __init__(self, number: int) -> None:
        super().__init__(signal.strsignal(number))
        self.status = 130 if number == signal.SIGINT else 0


def handle_early(is_worker: bool = False) -> None:
    """Raise Stopped at a signal until a loop handles it; log and ignore those in IGNORED."""
    for number in SIGNALS:
        signal.signal(number, _stop)
    for number in IGNORED:
        if signal.getsignal(number) is not signal.SIG_IGN:  # nohup sets it, children inherit it
            signal.signal(number, _ignore)
    if is_worker:
        on_hangup()
    unblock()


def unblock() -> None:
    """Unblock the signals that `__main__` blocked until a command is chosen, and SIGINT, which the
    supervisor of a worker blocked until it is handled."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, (*IGNORED, signal.SIGINT))


def on_signals(callback: Callable[[], object]) -> None:
    """Call `callback` in the running loop at each signal that stops."""
    loop = asyncio.get_running_loop()
    for number in SIGNALS:
        loop.add_signal_handler(number, callback)


def on_hangup(callback: Callable[[], object] = lambda: None) -> None:
    """Call `callback` at SIGHUP, outside the loop, unless the program handles or ignores it.

    By default it does nothing. Not SIG_IGN, which the programs that an app starts would inherit.
    """
    # Not by a handler of the loop, which restores the default action before the process ends.
    if signal.getsignal(signal.SIGHUP) in (signal.SIG_DFL, _ignore):
        signal.signal(signal.SIGHUP, lambda number, frame: callback())


def is_terminal_closed(descriptor: int = 0) -> bool:
    """Whether standard input is a terminal that was closed, which causes a SIGHUP too."""
    try:
        termios.tcgetattr(descriptor)
    except termios.error as error:
        return bool(error.args[0] == errno.EIO)
    return False


def reset() -> None:
    """Take the signals from the running loop and restore their default action."""
    for number in SIGNALS:
        asyncio.get_running_loop().remove_signal_handler(number)
        signal.signal(number, signal.SIG_DFL)


def ignore(remove: Callable[[int], object] = lambda number: None) -> None:
    """Ignore further signals: the server has ended, and its exit status is settled.

    `remove` takes a signal from the loop, which would restore the default action when it closes.
    The signals are blocked meanwhile, and ignored because other threads have not blocked them.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, (*SIGNALS, signal.SIGHUP))
    for number in (*SIGNALS, signal.SIGHUP):
        remove(number)
        signal.signal(number, signal.SIG_IGN)


@contextmanager
def restored() -> Iterator[None]:
    """Restore at the end the handlers and the mask that a program had set at the beginning."""
    handlers = {number: signal.getsignal(number) for number in (*SIGNALS, signal.SIGHUP)}
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    try:
        yield
    finally:
        for number, handler in handlers.items():
            if handler is not None:  # None: one that was not set by Python
                signal.signal(number, handler)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def _stop(number: int, frame: FrameType | None) -> None:
    # Once only: another signal would interrupt the cleanup. Not SIG_IGN: Python reports that as a
    # race if the other signal is already pending.
    for each in SIGNALS:
        signal.signal(each, lambda number, frame: None)
    raise Stopped(number)


def _ignore(number: int, frame: FrameType | None) -> None:
    name = signal.Signals(number).name
    logger.warning("ignored %s: SIGTERM and SIGINT stop a server, SIGHUP restarts workers", name)
