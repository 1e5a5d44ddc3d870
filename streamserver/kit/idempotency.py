"""The field Idempotency-Key (draft-ietf-httpapi-idempotency-key-header, section 2).

A client that received no response repeats its request with the same key, and the server performs it
once. The field's value is a String (RFC 9651, section 3.3.3). A key without quotes is accepted too:
several widespread services define the field like that.
"""

import re

from streamserver.kit.request import Request
from streamserver.wire.problem import HTTPError

FIELD = "Idempotency-Key"
ALLOWED = 'a string of 1 to 255 printable ASCII characters in quotes, as in "8e03978e-40d5"'

_is_key = re.compile(
    r'"((?:[ !#-\[\]-~]|\\["\\]){1,255})"'
    r"|([-!#$%&'*+./:=^_`|~0-9A-Za-z]{1,255})"
).fullmatch
_escaped = re.compile(r'\\(["\\])')


def idempotency_key(request: Request) -> str | None:
    """The request's idempotency key, if it has one; HTTPError 400 for a value that is none."""
    value = request.headers.get(FIELD)
    if value is None:
        return None
    if (match := _is_key(value)) is None:
        detail = f"{FIELD} must be {ALLOWED}, not {value[:40]!a}"
        raise HTTPError(400, detail, parameter=FIELD, allowed=ALLOWED)
    return match[2] or _escaped.sub(r"\1", match[1])
