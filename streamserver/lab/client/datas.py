"""The data of events, read from an event stream: what the wire's parser makes of it, only sooner.

Nearly every read brings whole events of one data line each. One expression can tell, and then the
data is there for a fourth of the time that the parser takes for each line. All else is left to
the parser: the first read, with which a stream may begin in its own way, and events of the type
``error``, whose type matters beside their data.
"""

import re

from streamserver.wire.sse import Parser

_FIELDS = rb"(?:(?:id|event): (?!error\n)[^\r\n\0]*+\n)*+"
_EVENT = rb"data: ([^\r\n]*+)\n\n"
_one = re.compile(_FIELDS + _EVENT).fullmatch
_are_plain = re.compile(rb"(?:" + _FIELDS + _EVENT + rb")++").fullmatch
_each = re.compile(_FIELDS + _EVENT).findall


class ErrorData(str):
    """The data of an event of the type ``error``."""

    __slots__ = ()


class Datas:
    """Reads an event stream in pieces of any size."""

    __slots__ = ("_between", "_parser")

    def __init__(self) -> None:
        self._parser = Parser()
        self._between = False  # whether the parser holds nothing, for an event has just ended

    def feed(self, piece: bytes) -> list[str]:
        """The data of the events that the piece completes; ValueError for one that is too long."""
        if self._between:
            one = _one(piece)
            if one is not None:
                return [one[1].decode(errors="replace")]
            if _are_plain(piece):
                return [data.decode(errors="replace") for data in _each(piece)]
        found = [
            ErrorData(event.data) if event.event == "error" else event.data
            for event in self._parser.feed(piece)
        ]
        self._between = piece.endswith(b"\n\n") or (self._between and not piece)
        return found
