"""The options of the four timeouts that whatever asks a server has: ``proxy`` and ``bench``."""

from streamserver.cli.options import Option, duration


def timeout_options(
    connect: float, first_byte: float, gap: float, total: float
) -> tuple[Option, ...]:
    """An option for each, with these defaults; 0 is none."""
    return (
        duration("connect-timeout", connect, "for a connection, TLS included; 0: off", zero=True),
        duration(
            "first-byte-timeout",
            first_byte,
            "until the first byte of a response; 0: off",
            zero=True,
        ),
        duration("gap-timeout", gap, "between two reads of a response; 0: off", zero=True),
        duration("total-timeout", total, "for a whole exchange; 0: off", zero=True),
    )
