"""What request heads and response heads have in common (RFC 9112, sections 2, 5 and 6).

One expression recognizes a plain head: one that lies well inside the grammar, as nearly all
do. h11 reads every other head. h11 is lenient in places, and a lenient reader can disagree with
its neighbour on the path about where a message ends (RFC 9112, section 11). So the lines of
such a head are checked first, and the fields that frame the message afterwards.

Errors are those of a request; ``response_heads`` makes a 502 of them.
"""

import re
from collections.abc import Iterable

import h11

from streamserver.wire.fields import TOKEN, connection_options, grouped, split_list
from streamserver.wire.problem import HTTPError

Fields = list[tuple[str, str]]

NO_FIELDS: Fields = []
"""One empty list for all messages without fields."""

CHUNKED = -1
"""The length of a body that ends with its last-chunk."""

PLAIN_LINE = rf"(?:{TOKEN}:[\t -~]*+\r\n)"
"""A field line of a plain head, as the source of a regular expression."""

Faults = tuple[tuple[re.Pattern[bytes], str], ...]

RESPONSE_FAULTS: Faults = (
    (re.compile(rb"\0"), "a NUL byte"),
    (re.compile(rb"(?<!\r)\n"), "a line that ends in LF alone"),
    (re.compile(rb"\r(?!\n)"), "a CR without LF"),
    (re.compile(rb"[\x01-\x08\x0b\x0c\x0e-\x1f\x7f]"), "a control character"),
)
"""What the lines of a response may not contain, with the words of the error."""

REQUEST_FAULTS: Faults = (
    *RESPONSE_FAULTS,
    (re.compile(rb"\r\n[ \t]"), "a folded field line"),
    (re.compile(rb"(?i)\r\ncontent-length:[^\r]*,"), "a list in Content-Length"),
    (re.compile(rb"(?is)\r\ncontent-length:.*\r\ncontent-length:"), "Content-Length twice"),
)
"""The same for a request. Servers that repair the last three can be made to disagree on where a
request ends; a recipient of responses has to repair them (RFC 9112, sections 5.2 and 6.3)."""


def find_end(data: bytes, max_head: int, seen: int, faults: Faults) -> int:
    """The offset behind the first head's empty line; 0 while the head is incomplete.

    ``seen``: bytes that an earlier call has searched. HTTPError 431 for a head that is longer
    than ``max_head``, and 400 for faults in an incomplete one.
    """
    end = data.find(b"\r\n\r\n", max(seen - 3, 0))
    if end > max_head or (end < 0 and len(data) > max_head + 3):
        raise HTTPError(431, f"the head is longer than {max_head} bytes")
    if end < 0:
        refuse_faults(data, faults, max(seen - 2, 0), len(data) - data.endswith(b"\r"))
        return 0
    return end + 4


def refuse_faults(head: bytes, faults: Faults, start: int, end: int) -> None:
    """HTTPError 400 for faults in ``head[start:end]``."""
    for fault, name in faults:
        if fault.search(head, start, end):
            raise HTTPError(400, f"the head holds {name}")


def plain_fields(lines: str) -> Fields:
    """The fields of plain lines: names in lower case, values without whitespace around."""
    return [
        (name.lower(), value.strip())
        for line in lines.splitlines()
        for name, _, value in [line.partition(":")]
    ]


_as_bytes = re.compile(r"bytearray\(b(.*)\)")
_coding_lines = re.compile(rb"(?i)\r\ntransfer-encoding:([^\r]*)").findall


def read_with_h11(
    connection: h11.Connection, head: bytes
) -> tuple[h11.Request | h11.InformationalResponse | h11.Response, Fields]:
    """A complete head as h11 reads it, and its fields; HTTPError 400 or 501 if h11 refuses it.

    ``connection``: a new one for each head, since h11's states are not used here.
    """
    try:
        connection.receive_data(head)
        event = connection.next_event()
    except h11.RemoteProtocolError as error:
        if error.error_status_hint == 501:  # for every transfer coding but chunked
            codings = ",".join([line.decode("latin-1") for line in _coding_lines(head)])
            raise _coding_fault(codings) from error
        raise HTTPError(400, _as_bytes.sub(r"\1", str(error))) from error
    assert isinstance(event, h11.Request | h11.InformationalResponse | h11.Response), event
    return event, [
        (name.decode("latin-1"), value.decode("latin-1")) for name, value in event.headers
    ]


def joined(fields: Fields, singletons: Iterable[str] = ()) -> dict[str, str]:
    """The values by field name, repeated fields joined (RFC 9110, section 5.3).

    HTTPError 400 for a field of ``singletons`` that is repeated.
    """
    groups = grouped(fields)
    for name in singletons:
        if len(groups.get(name, ())) > 1:
            raise HTTPError(400, f"{name} is given twice")
    return {name: ",".join(group) for name, group in groups.items()}


def persists(values: dict[str, str], minor: int) -> bool:
    """Whether the sender keeps the connection for another message (RFC 9112, section 9.3)."""
    connection = values.get("connection")
    if connection is None:
        return minor > 0
    if connection == "keep-alive":
        return True
    options = connection_options([connection])
    return "close" not in options and (minor > 0 or "keep-alive" in options)


_digits = re.compile(r"[0-9]{1,16}").fullmatch


def body_length(values: dict[str, str], minor: int, default: int) -> int:
    """The length of the body (RFC 9112, section 6.3); ``default`` if no field sets it.

    HTTPError 400 for framing that is malformed, and 501 for an unknown transfer coding.
    """
    coding = values.get("transfer-encoding")
    length = values.get("content-length")
    if coding is None:
        if length is None:
            return default
        if not _digits(length):
            raise HTTPError(400, "Content-Length must be 1 to 16 decimal digits")
        return int(length)
    if length is not None:
        raise HTTPError(400, "Content-Length and Transfer-Encoding exclude each other")
    if not minor:
        raise HTTPError(400, "Transfer-Encoding does not exist in HTTP/1.0")
    if coding.lower() != "chunked":
        raise _coding_fault(coding)
    return CHUNKED


def _coding_fault(codings: str) -> HTTPError:
    """The error for a Transfer-Encoding other than ``chunked`` (RFC 9112, sections 6.1 and 6.3).

    501 only for a list that ends in chunked, since any other list does not frame the body.
    """
    *others, last = split_list(codings.lower()) or [""]
    if last != "chunked":
        return HTTPError(400, "the last transfer coding must be chunked")
    if not others or "chunked" in others:
        return HTTPError(400, 'Transfer-Encoding must list chunked once: "chunked"')
    return HTTPError(501, "the only transfer coding implemented here is chunked")


_are_well_formed = re.compile(rf"(?:{TOKEN}\0[\t -~\x80-\xff]*+\r\n)*+").fullmatch


def field_lines(fields: Fields, are_well_formed: bool = False) -> str:
    """The lines of fields, each with its CRLF.

    ValueError for a name that is not a token and for a value with CR, LF, NUL or another control
    character, since it would split the message. ``are_well_formed``: the fields come from a head
    reader, or are constants, and are not checked.
    """
    if are_well_formed:
        return "".join([f"{name}: {value}\r\n" for name, value in fields])
    # A NUL, which no field may contain, shows where each name ends; a value with a line end
    # makes more lines than there are fields.
    lines = "".join([f"{name}\0{value}\r\n" for name, value in fields])
    if lines.count("\n") != len(fields) or not _are_well_formed(lines):
        name, value = next(
            (name, value)
            for name, value in fields
            if "\n" in name + value or not _are_well_formed(f"{name}\0{value}\r\n")
        )
        raise ValueError(f"not a header field: {name!r}: {value!r}")
    return lines.replace("\0", ": ")
