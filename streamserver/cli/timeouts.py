"""The options of the four timeouts of an HTTP client, for ``proxy`` and ``bench``."""

from streamserver.cli.options import Option, duration


def timeout_options(
    connect: float, first_byte: float, gap: float, total: float
) -> tuple[Option, ...]:
    """An option for each, with these defaults."""
    return tuple(
        duration(f"{name}-timeout", default, f"{about}; 0: off", zero=True)
        for name, default, about in (
            ("connect", connect, "to connect, TLS included"),
            ("first-byte", first_byte, "until the first byte of a response"),
            ("gap", gap, "between two reads of a response"),
            ("total", total, "for a whole exchange"),
        )
    )
