"""SIGHUP, which has three meanings."""

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
def test_a_hangup_that_the_program_ignores_or_handles_is_left_alone(
    before: signal.Handlers, calls: int
) -> None:
    called: list[str] = []
    signal.signal(signal.SIGHUP, before)
    signals.on_hangup(lambda: called.append("again"))
    os.kill(os.getpid(), signal.SIGHUP)
    assert called == ["again"] * calls


def test_a_terminal_that_has_closed() -> None:
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
