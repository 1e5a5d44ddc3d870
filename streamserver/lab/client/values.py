"""Members of parsed JSON as values of one type: a peer may send any type anywhere."""

from typing import Any

MOST = 10**12
"""The largest count that is accepted."""


def as_string(value: object) -> str:
    """A string; "" for any other value."""
    return value if isinstance(value, str) else ""


def as_object(value: object) -> dict[str, Any]:
    """A JSON object; {} for any other value."""
    return value if isinstance(value, dict) else {}


def as_objects(value: object) -> list[dict[str, Any]]:
    """The JSON objects in an array; [] for any other value."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def as_count(value: object) -> int | None:
    """A whole number from 0 to ``MOST``; None for any other value."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MOST:
        return value
    return None
