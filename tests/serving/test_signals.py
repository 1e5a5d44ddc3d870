"""SIGHUP: a restart, a closed terminal, or a signal for the program."""

import os
import pty
import signal
from collections.abc import Iterator
from types import FrameType

import pytest

from streamserver.serving import signals


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    """The handler that was set before."""
    with signals.restored():
        yield


def mine(number: int, frame: FrameType | None) -> None: ...


@pytest.mark.parametrize(("before", "calls"), [(signal.SIG_DFL, 1), (signal.SIG_IGN, 0), (mine, 0)])
def test_a_handler_of_the_program_for_sighup_is_kept(before: signal.Handlers, calls: int) -> None:
    called: list[str] = []
    signal.signal(signal.SIGHUP, before)
    signals.on_hangup(lambda: called.append("again"))
    os.kill(os.getpid(), signal.SIGHUP)
    assert called == ["again"] * calls


def test_sighup_of_a_closed_terminal() -> None:
    controller, terminal = pty.openpty()
    reading, writing = os.pipe()
    assert not signals.is_terminal_closed(terminal)
    assert not signals.is_terminal_closed(reading)
    os.close(controller)
    os.close(writing)
    assert signals.is_terminal_closed(terminal)
    assert not signals.is_terminal_closed(reading)
    os.close(terminal)
    os.close(reading)
