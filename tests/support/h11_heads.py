"""What h11 accepts in heads of either direction, and we refuse."""

import re

from streamserver.wire.heads import Fields
from support.request_heads import EMPTY_LINE

FIELDS = [
    *(b"X: y", b"X:", b"x-Y.z_!|~: \t y \t z ", b'X: \xe9\xff\x80:,;"'),
    *(b"Content-Length: 5", b"Content-Length:0", b"content-length: 007\t", b"Content-Length: 5,5"),
    *(b"Content-Length: +5", b"Content-Length: 99999999999999999", b"Content-Length: \xb2"),
    *(b"Content-Length", b"Content-Length : 5", b"Content-Lengt: 5", b"Content_Length: 5"),
    *(b"Transfer-Encoding: chunked", b"transfer-encoding:CHUNKED ", b"Transfer-Encoding: gzip"),
    *(b"Transfer-Encoding: chunked, chunked", b"Transfer-Encoding:"),
    b"Transfer-Encoding\t: chunked",
    *(b"Connection: close", b"Connection: x , cLose", b"Connection: keep-alive", b"Connection: ,"),
    *(b"Connection: Upgrade", b"Connection: closed", b'Connection: "close"', b'Connection: "'),
    *(b" folded", b": x", b"X", b"X Y: z", b"X\x7f: y", b"X: \x7f", b"X: \x00", b"X: a\x0cb"),
    *(b"X: a\rb", b"X: a\nb", b"X: a\n", b"X: a\r", b"\n", b"\r", b"\xe9: x", b"X: a\r\r\n b"),
]
"""Well-formed and malformed field lines."""

SIGNIFICANT = b"".join(bytes([byte]) for byte in range(48)) + b"09:@AZ[_az{\x7f\x80\xa0\xff"
"""Bytes with a meaning in a head, and some of all others."""


def field_lines(data: bytes) -> list[tuple[bytes, bytes]]:
    """The field lines as received, names in lower case, values without whitespace around."""
    lines = data.removesuffix(EMPTY_LINE).split(b"\r\n")[1:]
    pairs = [line.partition(b":") for line in lines]
    return [(name.lower(), value.strip(b" \t")) for name, _, value in pairs]


def leniency_of_lines(data: bytes) -> str | None:
    """The first leniency of h11 in the lines of a head."""
    if b"\n" in data.replace(b"\r\n", b"").removesuffix(b"\r"):
        return "a bare LF"
    if re.search(rb"\r\n[ \t]", data):
        return "a folded line"
    if re.search(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]", data):
        return "a control character"
    return None


def leniency_of_framing(lines: list[tuple[bytes, bytes]], minor: int) -> str | None:
    """The first leniency of h11 in the fields that frame the body."""
    names, values = [name for name, _ in lines], dict(lines)
    if names.count(b"content-length") > 1 or b"," in values.get(b"content-length", b""):
        return "more than one length"
    if len(values.get(b"content-length", b"")) > 16:
        return "a length of more than 16 digits"
    if b"transfer-encoding" in values and (b"content-length" in values or not minor):
        return "a coding where there is a length, or in HTTP/1.0"
    return None


def connection_options(fields: Fields) -> list[str]:
    """The options of all Connection fields, in lower case."""
    return [
        option.strip(" \t").lower()
        for name, value in fields
        for option in value.split(",")
        if name == "connection"
    ]


def coding_in_lower_case(fields: Fields) -> Fields:
    """The fields with their transfer coding in the case of h11."""
    coding = "transfer-encoding"
    return [(name, value.lower() if name == coding else value) for name, value in fields]
