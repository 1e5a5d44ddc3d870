"""Trailer fields: the fields behind a chunked body (RFC 9112, section 7.1.2)."""

import re

from streamserver.wire.fields import HOP_BY_HOP, is_token

MAX_TRAILERS = 8192
"""Bytes of all trailer lines of one body, their line ends included."""

FORBIDDEN_TRAILERS = HOP_BY_HOP | {
    # framing, routing, and what the content is: needed before the body, not after it
    *("content-length", "host", "content-encoding", "content-type", "content-range"),
    # controls, conditions and credentials, already acted upon when a trailer arrives
    *("cache-control", "expect", "max-forwards", "range", "authorization", "cookie", "set-cookie"),
    *("if-match", "if-none-match", "if-modified-since", "if-unmodified-since", "if-range"),
}
"""Fields that mean nothing, or harm, after the body; in lower case (RFC 9110, section 6.5.1)."""

FIELD_TEXT = r"[\t -~\x80-\xff]*+"
"""The text of a field line, as the source of a regular expression."""

_is_field_value = re.compile(FIELD_TEXT).fullmatch


def forbidden(name: str) -> str | None:
    """Why a field of this name may not be a trailer field; None if it may."""
    if name.lower() in FORBIDDEN_TRAILERS:
        return f"{name!r} may not be a trailer field (RFC 9110, section 6.5.1)"
    return None


def malformed(name: str, value: str) -> str | None:
    """Why this is no field: one rule for those that are written and those that are read."""
    if not is_token(name):
        return f"a trailer's name must be a token (RFC 9110, section 5.6.2), not {name[:40]!r}"
    if not _is_field_value(value):
        return f"the trailer {name!r} has a control or non-Latin-1 character in its value"
    return None
