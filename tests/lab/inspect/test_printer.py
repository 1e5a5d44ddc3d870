"""Printing in a thread: in order, all of it, and never in the way of the recording."""

import sys
import threading

import pytest

from streamserver.lab.inspect.printer import Printer
from streamserver.lab.inspect.recording import Read, Recording
from streamserver.lab.inspect.wire import WireView

GET = b"GET / HTTP/1.1\r\n\r\n"
LINES = [b"HTTP/1.1 200 OK\r\n", b"a: b\r\n", b"\r\n"]


def test_all_is_printed_in_order_by_the_end() -> None:
    printed: list[str] = []
    before = sys.getswitchinterval()
    with Printer(WireView(), printed.append) as printer:
        printer.begin(GET)
        for line in LINES:
            assert printer.feed(Read(0.0, line)) is False
        printer.end(Recording(GET, (), "closed", 0.0))
    names = [line[12:30].strip() for line in "".join(printed).splitlines()]
    assert names == ["request", "status line", "field", "end of the head", "end", ""]
    assert sys.getswitchinterval() == before


def test_output_that_blocks_does_not_block_the_recording() -> None:
    permitted = threading.Event()
    printed: list[str] = []

    def write(text: str) -> None:
        permitted.wait(10.0)
        printed.append(text)

    with Printer(WireView(), write) as printer:
        for line in LINES * 100:
            printer.feed(Read(0.0, line))
        assert printed == []
        permitted.set()
    assert len(printed) == 300


def test_output_that_fails_ends_the_recording() -> None:
    failed = threading.Event()

    def write(text: str) -> None:
        failed.set()
        raise BrokenPipeError("gone")

    def work() -> None:
        with Printer(WireView(), write) as printer:
            printer.begin(GET)
            assert failed.wait(10.0)
            while not printer.feed(Read(0.0, LINES[0])):
                pass

    with pytest.raises(BrokenPipeError, match="gone"):
        work()


def test_an_error_of_the_work_comes_first() -> None:
    def write(text: str) -> None:
        raise BrokenPipeError("gone")

    def work() -> None:
        with Printer(WireView(), write) as printer:
            printer.begin(GET)
            raise KeyError("work")

    with pytest.raises(KeyError):
        work()
