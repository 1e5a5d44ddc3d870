"""Content negotiation by media type (RFC 9110, section 12.5.1)."""

import re
from collections.abc import Sequence

_quality = re.compile(r"(?i)\s*q=(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)\s*").fullmatch


def preferred(accept: str, offered: Sequence[str]) -> str:
    """The offered media type with the highest quality in an Accept field; the first of several.

    Without a field, or if none is acceptable, the first one: the RFC permits to ignore the field.
    """
    ranges = dict(map(_range, accept.split(","))) if accept.strip() else {}
    qualities = [_quality_of(kind, ranges) for kind in offered]
    return offered[qualities.index(max(qualities))]


def _quality_of(kind: str, ranges: dict[str, float]) -> float:
    """The quality of the most specific range that matches."""
    names = (kind, kind.partition("/")[0] + "/*", "*/*")
    return next((ranges[name] for name in names if name in ranges), 0.0)


def _range(text: str) -> tuple[str, float]:
    kind, *parameters = text.split(";")
    qualities = [float(match[1]) for match in map(_quality, parameters) if match]
    return kind.strip().lower(), qualities[0] if qualities else 1.0
