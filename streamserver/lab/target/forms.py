"""What an event of the target looks like on the wire: what stands before its text and behind it.

An event is known by its size before it is made, so a stamp has a fixed width, and the text, which
may be large, is never put together with what is around it.
"""

from collections.abc import Callable
from math import ceil
from time import time_ns

from streamserver.lab.stamps import write_stamp
from streamserver.lab.target.clock import Due
from streamserver.lab.target.distributions import most
from streamserver.lab.target.knobs import Knobs

Form = Callable[[Due], tuple[bytes, bytes]]
LINE_ENDS = {"lf": "\n", "crlf": "\r\n", "cr": "\r"}


def members(due: Due, stamps: bool) -> str:
    """What an event tells of itself, as the beginning of a JSON object."""
    seq, when, sent = due
    return "{" + (write_stamp(seq, when, sent, time_ns()) if stamps else f'"seq":{seq}')


def largest(form: Form, commanded: Knobs) -> int:
    """Bytes that an event of the form may have."""
    begin, end = form(Due(commanded.count, 0, 0))
    return len(begin) + ceil(commanded.size * most(commanded.size_jitter)) + len(end)


def sse(commanded: Knobs) -> Form:
    """Events of an event stream."""
    stamps, end = commanded.stamps, LINE_ENDS[commanded.line_end]
    last = f'"}}{end}{end}'.encode()

    def form(due: Due) -> tuple[bytes, bytes]:
        return f'id: {due.seq}{end}data: {members(due, stamps)},"text":"'.encode(), last

    return form


def jsonl(commanded: Knobs) -> Form:
    """Lines of JSON."""
    stamps = commanded.stamps

    def form(due: Due) -> tuple[bytes, bytes]:
        return f'{members(due, stamps)},"text":"'.encode(), b'"}\n'

    return form


def raw(commanded: Knobs) -> Form:
    """The text alone."""
    return lambda due: (b"", b"")
