"""Where the thread of an event loop stands: its stack, read by another thread.

The frames between the loop and the innermost call are the callback that runs. The handler is the
outermost of them that belongs to an app, else to an installed package: the engine and the standard
library only call it, or are called by it. The place is the innermost frame of the same owner.
"""

import asyncio
import os
import selectors
import sys
import sysconfig
from asyncio.base_events import BaseEventLoop
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import FrameType

from streamserver.server.exchange import Exchange

SHOWN = 8
"""Frames of a stack in a line of text."""
DEPTH = 100
"""Frames of a stack at most: a recursion has a thousand."""
TARGET = 100
"""Characters of a target in a line."""

APP, PACKAGE, LIBRARY, ENGINE = range(4)
"""Owners of code, the most likely handler first."""
_ROOMS = ("server", "kit", "wire", "observe", "feed", "serving")
_DEBUGGERS = frozenset(("bdb", "pdb", "pydevd", "_pydevd_bundle"))
"""Modules in which a debugger waits for its user."""

_RUNNER = asyncio.Runner.run.__code__
_ITERATION = BaseEventLoop._run_once.__code__  # type: ignore[attr-defined]  # private
_CALLBACK = asyncio.Handle._run.__code__
_EXCHANGE = Exchange._run.__code__
_START = Exchange.start.__code__
_SELECTORS = frozenset(
    getattr(selectors, name).select.__code__
    for name in ("EpollSelector", "KqueueSelector", "PollSelector", "SelectSelector")
    if hasattr(selectors, name)
)


@dataclass(frozen=True, slots=True)
class Stack:
    """What a loop runs. `handler` is `module:function`; `request` is a method and a route or path,
    "" if none is known. `frames` are `(file, line, function)` from the innermost one to that of
    the handler, and `place` is one of them. `is_debugged`: a debugger has stopped the thread.
    `since`: when the loop began to run this, in seconds of `time.monotonic`; 0: not known."""

    handler: str
    request: str
    place: tuple[str, int, str]
    frames: tuple[tuple[str, int, str], ...]
    is_debugged: bool = False
    since: float = 0.0

    @property
    def identity(self) -> tuple[str, str, str]:
        """The same for each stack of this handler that stands in the same function."""
        return self.handler, self.place[0], self.place[2]

    @property
    def title(self) -> str:
        """The handler and the request."""
        return self.handler + (f" ({self.request})" if self.request else "")

    def line(self) -> str:
        """The place and the frames, in one line of text."""
        shown = [_short(*frame) for frame in self.frames[:SHOWN]]
        more = [f"{len(self.frames) - SHOWN} more"] if len(self.frames) > SHOWN else []
        return f"{_short(*self.place)}; stack: {' < '.join([*shown, *more])}"

    def text(self) -> str:
        """The frames one a line, the innermost last as in a traceback."""
        return "\n".join(f"{file}:{line} in {name}" for file, line, name in reversed(self.frames))


def frame_of(thread: int) -> FrameType:
    """The innermost frame of a thread that lives."""
    return sys._current_frames()[thread]


def is_waiting(frame: FrameType) -> bool:
    """Whether the innermost frame is that of a loop that waits for events."""
    code = frame.f_code
    if code is _RUNNER:  # uvloop has no frames of its own
        return True
    return code in _SELECTORS and frame.f_back is not None and frame.f_back.f_code is _ITERATION


def read_stack(frame: FrameType) -> Stack | None:
    """The stack of the callback; None if it has no frames, because it is written in C."""
    frames = [*_of_callback(frame)]
    if not frames:
        return None
    owners = [_owner(each.f_code.co_filename) for each in frames]
    last = max(n for n, owner in enumerate(owners) if owner == min(owners))
    handler = frames[last]
    root = _module(handler).partition(".")[0]
    place = next(
        each
        for each, owner in zip(frames, owners, strict=True)
        if owner == owners[last] and (owner != PACKAGE or _module(each).partition(".")[0] == root)
    )
    name = f"{_module(handler)}:{handler.f_code.co_qualname}"
    described = tuple(map(_described, frames[: last + 1]))
    debugged = any(_module(each).partition(".")[0] in _DEBUGGERS for each in frames)
    return Stack(
        name, _request(frames), _described(place), described, debugged, since=_since(frames)
    )


def _of_callback(frame: FrameType) -> Iterator[FrameType]:
    """The frames of the callback, the innermost first."""
    each: FrameType | None = frame
    for _ in range(DEPTH):
        if each is None or each.f_code in (_CALLBACK, _ITERATION, _RUNNER):
            break
        yield each
        each = each.f_back


@cache
def _owner(file: str) -> int:
    paths = {name: sysconfig.get_path(name) + os.sep for name in sysconfig.get_path_names()}
    if file.startswith(tuple(f"{Path(__file__).parents[1] / room}{os.sep}" for room in _ROOMS)):
        return ENGINE
    if file.startswith((paths["purelib"], paths["platlib"])):
        return PACKAGE
    return LIBRARY if file.startswith((paths["stdlib"], paths["platstdlib"], "<")) else APP


def _module(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__"))


def _described(frame: FrameType) -> tuple[str, int, str]:
    code = frame.f_code
    return code.co_filename, frame.f_lineno or code.co_firstlineno, code.co_qualname


def _request(frames: list[FrameType]) -> str:
    """The request, from the frame of the exchange that runs the handler."""
    for frame in frames:
        if frame.f_code is _EXCHANGE:
            exchange: Exchange = frame.f_locals["self"]
            path = exchange.target.partition("?")[0]  # a query may have secrets
            return f"{exchange.method} {exchange.route or path[:TARGET]}"
    return ""


def _since(frames: list[FrameType]) -> float:
    """When the request arrived, if its handler has not waited yet."""
    for frame in frames:
        if frame.f_code is _START:
            exchange: Exchange = frame.f_locals["self"]
            return exchange.started
    return 0.0


def _short(file: str, line: int, name: str) -> str:
    """`views.py:12 in page`: the path below the directory that it was imported from."""
    roots = [root.rstrip(os.sep) + os.sep for root in sys.path if root]
    longest = max((root for root in roots if file.startswith(root)), key=len, default="")
    return f"{file.removeprefix(longest)}:{line} in {name}"
