"""Which of several media types a client prefers (RFC 9110, section 12.5.1): pure."""

import re
from collections.abc import Sequence

_quality = re.compile(r"(?i)\s*q=(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)\s*").fullmatch


def preferred(accept: str, offered: Sequence[str]) -> str:
    """The media type with the highest quality in an Accept field, of equal ones the first offered.

    Without a field, or if none is acceptable, it is the first: the RFC allows to disregard the
    field, and a client can read more than it says.
    """
    ranges = dict(map(_range, accept.split(","))) if accept.strip() else {}
    qualities = [_quality_of(kind, ranges) for kind in offered]
    return offered[qualities.index(max(qualities))]


def _quality_of(kind: str, ranges: dict[str, float]) -> float:
    """That of the most specific range that matches."""
    for match in (kind, kind.partition("/")[0] + "/*", "*/*"):
        if match in ranges:
            return ranges[match]
    return 0.0


def _range(text: str) -> tuple[str, float]:
    kind, *parameters = text.split(";")
    found = [quality for one in parameters if (quality := _quality(one))]
    return kind.strip().lower(), float(found[0][1]) if found else 1.0
