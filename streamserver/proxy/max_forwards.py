"""Max-Forwards limits how many relays an OPTIONS request passes (RFC 9110, section 7.6.2)."""

import re

from streamserver.kit.response import Response
from streamserver.wire.fields import Headers
from streamserver.wire.heads import Fields
from streamserver.wire.problem import HTTPError

_digits = re.compile(r"[0-9]{1,16}").fullmatch
_RELAYED = "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT"
"""The standard methods that are relayed. So is every other method but CONNECT and TRACE."""


def final_answer(headers: Headers) -> Response | None:
    """The answer to an OPTIONS request that may not be passed on, else None.

    HTTPError 400 for a Max-Forwards that is no number.
    """
    value = headers.get("max-forwards")
    if value is None or _number(value):
        return None
    return Response(status=204, headers={"allow": _RELAYED})


def lowered(fields: Fields) -> Fields:
    """The fields of an OPTIONS request that is passed on, with its Max-Forwards lowered by one."""
    return [
        (name, str(_number(value) - 1) if name == "max-forwards" else value)
        for name, value in fields
    ]


def _number(value: str) -> int:
    if not _digits(value):
        raise HTTPError(400, "Max-Forwards must be 1 to 16 decimal digits")
    return int(value)
