"""What request heads and response heads have in common (RFC 9112, sections 2, 5 and 6).

h11 reads: it knows the grammar and ten years of what goes wrong with it. But it is lenient
where a server on the open internet may not be, since every leniency is a chance that a
neighbour on the path reads the same bytes differently (RFC 9112, section 11). So a head first
passes a strict look at its lines, then h11, then a look at the fields that decide where the
message ends. What is refused says why. Heads in which nothing is unusual, and they are nearly
all, lie so far inside the grammar that one expression can tell; for them alone h11, which
takes six times as long, is not asked.

What is wrong here is refused as a request would be; ``response_heads`` makes a 502 of it.
"""

import re

import h11

from streamserver.wire.fields import TOKEN, connection_options, grouped, split_list
from streamserver.wire.problem import HTTPError

Fields = list[tuple[str, str]]

CHUNKED = -1
"""The length of a body whose end only its last-chunk tells."""

EMPTY_LINE = b"\r\n\r\n"
"""The end of the last field line, and the empty line that ends the head."""

PLAIN_LINE = rf"(?:{TOKEN}:[\t -~]*\r\n)"
"""A field line in which nothing is unusual, as the source of a regular expression."""

Faults = tuple[tuple[re.Pattern[bytes], str], ...]

RESPONSE_FAULTS: Faults = (
    (re.compile(rb"\0"), "a NUL byte"),
    (re.compile(rb"(?<!\r)\n"), "a line that ends in LF alone"),
    (re.compile(rb"\r(?!\n)"), "a CR that no LF follows"),
    (re.compile(rb"[\x01-\x08\x0b\x0c\x0e-\x1f\x7f]"), "a control character"),
)
"""What is refused in the lines of a response, and its name in the refusal."""

REQUEST_FAULTS: Faults = (
    *RESPONSE_FAULTS,
    (re.compile(rb"\r\n[ \t]"), "a folded field line"),
    (re.compile(rb"(?i)\r\ncontent-length:[^\r]*,"), "a list in Content-Length"),
    (re.compile(rb"(?is)\r\ncontent-length:.*\r\ncontent-length:"), "Content-Length twice"),
)
"""The same for a request: a client can smuggle a second request past a reader that repairs these,
while a recipient of responses has to repair them (RFC 9112, sections 5.2 and 6.3)."""


def refuse_line_faults(head: bytes, faults: Faults) -> None:
    """Raise HTTPError 400 for lines of a whole head that two readers may read in two ways."""
    _refuse_faults(head, faults, 0, len(head))


def refuse_early_faults(data: bytes, faults: Faults, seen: int) -> None:
    """The same for a head that is not whole, of which ``seen`` bytes were looked at before."""
    _refuse_faults(data, faults, max(seen - 2, 0), len(data) - data.endswith(b"\r"))


def _refuse_faults(head: bytes, faults: Faults, start: int, end: int) -> None:
    for fault, name in faults:
        if fault.search(head, start, end):
            raise HTTPError(400, f"the head holds {name}")


def plain_fields(lines: bytes) -> Fields:
    """The fields of lines that are all plain; names in lower case, values stripped."""
    return [
        (name.lower(), value.strip(" \t"))
        for line in lines.decode("ascii").splitlines()
        for name, _, value in [line.partition(":")]
    ]


_as_bytes = re.compile(r"bytearray\(b(.*)\)")
_coding_lines = re.compile(rb"(?i)\r\ntransfer-encoding:([^\r]*)").findall


def read_with_h11(
    connection: h11.Connection, head: bytes
) -> tuple[h11.Request | h11.InformationalResponse | h11.Response, Fields]:
    """What h11 makes of a whole head, and its fields; HTTPError 400 or 501 when it refuses.

    A connection per head: its state machine is about turns, which others keep here.
    """
    try:
        connection.receive_data(head)
        event = connection.next_event()
    except h11.RemoteProtocolError as error:
        if error.error_status_hint == 501:  # a transfer coding: h11 knows chunked alone
            codings = ",".join([line.decode("latin-1") for line in _coding_lines(head)])
            raise _coding_fault(codings) from error
        raise HTTPError(400, _as_bytes.sub(r"\1", str(error))) from error
    assert isinstance(event, h11.Request | h11.InformationalResponse | h11.Response), event
    return event, [
        (name.decode("latin-1"), value.decode("latin-1")) for name, value in event.headers
    ]


_LISTS = frozenset(("connection", "transfer-encoding"))


def telling_fields(fields: Fields, names: frozenset[str]) -> dict[str, str]:
    """Those fields that determine what the message is, of which ``names`` are all there are.

    The lines of a field that is a list are joined. Two lines of any other field would be two
    meanings: HTTPError 400.
    """
    said: dict[str, str] = {}
    for name, value in fields:
        if name in names:
            if name in said:
                if name in _LISTS:
                    return telling_fields(_join_lists(fields), names)
                raise HTTPError(400, f"{name} is given twice")
            said[name] = value
    return said


def _join_lists(fields: Fields) -> Fields:
    """The fields, with all lines of a list as one: joined once, since a join copies its parts."""
    lists = grouped([field for field in fields if field[0] in _LISTS])
    others = [field for field in fields if field[0] not in _LISTS]
    return others + [(name, ",".join(values)) for name, values in lists.items()]


def persists(said: dict[str, str], minor: int) -> bool:
    """Whether the sender will keep the connection for another message (RFC 9112, section 9.3)."""
    options = connection_options([said["connection"]]) if "connection" in said else ()
    return "close" not in options and (bool(minor) or "keep-alive" in options)


_digits = re.compile(r"[0-9]{1,16}").fullmatch


def body_length(said: dict[str, str], minor: int, untold: int) -> int:
    """How the body is framed (RFC 9112, section 6.3), strictly; ``untold`` if no field tells.

    Raises HTTPError 400 for framing that is broken, and 501 for an unknown transfer coding.
    """
    coding = said.get("transfer-encoding")
    length = said.get("content-length")
    if coding is None:
        if length is None:
            return untold
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
    """Why any Transfer-Encoding but ``chunked`` is refused (RFC 9112, sections 6.1 and 6.3).

    Only a list that ends in chunked tells where the body ends, so only such a list can be a
    request for codings that are not implemented.
    """
    *others, last = split_list(codings.lower()) or [""]
    if last != "chunked":
        return HTTPError(400, "the last transfer coding must be chunked")
    if not others or "chunked" in others:
        return HTTPError(400, 'Transfer-Encoding must list chunked once: "chunked"')
    return HTTPError(501, "the only transfer coding implemented here is chunked")


_block = re.compile(rf"(?:{TOKEN}:[\t\x20-\x7e\x80-\xff]*\r\n)*").fullmatch


def field_lines(fields: Fields) -> str:
    """The field lines of a head that is written, each with its CRLF.

    ValueError for a name that is no token and for a value with CR, LF, NUL or another control
    character, since it would split the message.
    """
    block = "".join([f"{name}: {value}\r\n" for name, value in fields])
    # Each line ends in the only CRLF it may hold, or a value has smuggled in another line;
    # and its first colon is ours, or a name has smuggled in a value.
    if (
        block.count("\r\n") != len(fields)
        or not _block(block)
        or ":" in "".join([name for name, _ in fields])
    ):
        raise ValueError(f"not a header field: {_offender(fields)}")
    return block


def _offender(fields: Fields) -> str:
    """The first line for whose sake the block is refused."""
    return next(
        f"{name!r}: {value!r}"
        for name, value in fields
        if ":" in name or "\n" in name + value or not _block(f"{name}: {value}\r\n")
    )
