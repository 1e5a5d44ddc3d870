"""Durations and sizes as text: ``500ms``, ``2m``, ``64KiB``, ``10MB``.

A number without a unit is seconds or bytes. Units are case-sensitive: "10M" could be either of two
sizes, and "10Mb" is a number of bits. The arithmetic is decimal, so 4.35 ms are 4,350,000 ns.
"""

import re
from decimal import Decimal

DURATIONS = {
    **{"ns": Decimal("1e-9"), "us": Decimal("1e-6"), "ms": Decimal("1e-3")},
    **{"s": Decimal(1), "m": Decimal(60), "h": Decimal(3600), "d": Decimal(86_400)},
}
"""Seconds of each unit of time."""
SIZES = {
    **{"B": 1, "kB": 10**3, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12},
    **{"KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40},
}
"""Bytes of each unit of size."""

_quantity = re.compile(r"([0-9]{1,18}(?:\.[0-9]{1,18})?)([A-Za-z]*)").fullmatch


def parse_duration(text: str, *, bare: bool = True) -> Decimal | None:
    """Seconds; None if the text is no duration. ``bare``: whether the unit may be absent."""
    found = _quantity(text)
    unit = DURATIONS.get((found[2] or "s") if bare else found[2]) if found else None
    return None if found is None or unit is None else Decimal(found[1]) * unit


def parse_size(text: str) -> int | None:
    """Bytes; None if the text is no size or no whole number of bytes."""
    found = _quantity(text)
    unit = SIZES.get(found[2] or "B") if found else None
    if found is None or unit is None:
        return None
    size = Decimal(found[1]) * unit
    return int(size) if size == int(size) else None


def format_size(size: int) -> str:
    """A number of bytes in the largest binary unit that divides it."""
    names = [name for name in SIZES if name.endswith("iB") and size and not size % SIZES[name]]
    return f"{size // SIZES[names[-1]]}{names[-1]}" if names else f"{size}"
