"""What may follow an option: each reader returns the value, or raises and says what is allowed."""

import re
from argparse import ArgumentTypeError
from collections.abc import Callable
from typing import NoReturn

from streamserver.kit import units
from streamserver.kit.hints import did_you_mean
from streamserver.wire.fields import is_token

_LONGEST = 10**9
"""Seconds; timers of the event loops take no number."""

_SWITCH = {"1": True, "true": True, "yes": True, "on": True}
_SWITCH |= {"0": False, "false": False, "no": False, "off": False}


def text(value: str) -> str:
    """Any text but an empty one."""
    return value or _refuse(value, "a text of at least one character")


def switch(value: str) -> bool:
    """What `--name` and `--no-name` say on the command line, as a variable spells it."""
    found = _SWITCH.get(value.lower())
    return _refuse(value, f"one of {', '.join(_SWITCH)}") if found is None else found


def one_of(*words: str) -> Callable[[str], str]:
    """Exactly one of the words."""

    def read(value: str) -> str:
        if value in words:
            return value
        _refuse(value, f"one of {', '.join(words)}{did_you_mean(value, words)}")

    return read


def whole(least: int, most: int, **words: int | None) -> Callable[[str], int | None]:
    """A decimal number in a range, or a word that stands for one."""
    allowed = " or ".join((*words, f"a whole number from {least} to {most}"))

    def read(value: str) -> int | None:
        if value in words:
            return words[value]
        # int() alone would also take signs, spaces, underscores and other scripts' digits.
        if re.fullmatch(r"[0-9]{1,18}", value) and least <= int(value) <= most:
            return int(value)
        _refuse(value, allowed)

    return read


def size(least: int, most: int, **words: int | None) -> Callable[[str], int | None]:
    """A number of bytes in a range, with or without a unit, or a word that stands for one."""
    between = f"from {least} to {units.format_size(most)}"
    allowed = " or ".join((*words, f"a size {between}, as in 1000 (bytes), 64KiB or 10MB"))

    def read(value: str) -> int | None:
        if value in words:
            return words[value]
        octets = units.parse_size(value)
        if octets is not None and least <= octets <= most:
            return octets
        _refuse(value, allowed)

    return read


def seconds(*, zero: bool) -> Callable[[str], float]:
    """A duration, of seconds if it has no unit; 0 only where it has a meaning."""
    allowed = f"a duration of {'0 s or more' if zero else 'more than 0 s'}, as in 1.5, 500ms, 2m"

    def read(value: str) -> float:
        found = units.parse_duration(value)
        if found is not None and found < _LONGEST and (zero or found):
            return float(found)
        _refuse(value, allowed)

    return read


def variable(value: str) -> str:
    """The name of an environment variable, in the letters that POSIX has for them (XBD, 8.1).

    All else is not repeated: it may be the secret itself that was to be in the variable.
    """
    if not re.fullmatch(r"[A-Z_][A-Z0-9_]*", value):
        raise ArgumentTypeError("what is given is not the NAME of a variable, in capitals")
    return value


def host_name(value: str) -> str:
    """The name of a host, without a port, or `*` for any."""
    if value == "*" or re.fullmatch(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*\.?", value):
        return value
    _refuse(value, "the name of a host without a port, as in demo.example, or *")


def field(value: str) -> tuple[str, str]:
    """A field's name, in lower case, and its value; not repeated either."""
    name, colon, rest = value.partition(":")
    if not colon or not is_token(name) or not rest.strip():
        raise ArgumentTypeError("what is given is not a field, NAME: VALUE")
    return name.lower(), rest.strip()


def _refuse(value: str, allowed: str) -> NoReturn:
    raise ArgumentTypeError(f"{value!r} is not {allowed}")
