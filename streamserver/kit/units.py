"""Durations and sizes as people write them: ``500ms``, ``2m``, ``64KiB``, ``10MB``.

A number without a unit is seconds or bytes. Units are spelled exactly as here: "10M" could be
either of two sizes, and "10Mb" is a number of bits. The numbers are decimal and so is the
arithmetic: 4.35 ms are 4,350,000 ns, and no rounding makes them less.
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


def duration(text: str, *, bare: bool = True) -> Decimal | None:
    """The seconds that a text means, None if it is no duration.

    ``bare``: whether the unit may be left out, for seconds.
    """
    found = _quantity(text)
    unit = DURATIONS.get((found[2] or "s") if bare else found[2]) if found else None
    return None if found is None or unit is None else Decimal(found[1]) * unit


def size(text: str) -> int | None:
    """The bytes that a text means, None if it is no size or no whole number of bytes."""
    found = _quantity(text)
    unit = SIZES.get(found[2] or "B") if found else None
    if found is None or unit is None:
        return None
    octets = Decimal(found[1]) * unit
    return int(octets) if octets == int(octets) else None


def shown_size(octets: int) -> str:
    """A number of bytes in the largest binary unit of which it is a whole number."""
    names = [name for name in SIZES if name.endswith("iB") and octets and not octets % SIZES[name]]
    return f"{octets // SIZES[names[-1]]}{names[-1]}" if names else f"{octets}"
