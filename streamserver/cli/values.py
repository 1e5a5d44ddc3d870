"""The values of options. A reader converts text; ArgumentTypeError names what is allowed."""

import re
from argparse import ArgumentTypeError
from collections.abc import Callable, Mapping
from typing import NoReturn

from streamserver.kit import units
from streamserver.kit.hints import did_you_mean
from streamserver.wire.fields import is_token
from streamserver.wire.forwarded import TrustedPeers

_LONGEST = 10**9
"""Seconds: the timers of event loops have a limit."""

_SWITCH = {"1": True, "true": True, "yes": True, "on": True}
_SWITCH |= {"0": False, "false": False, "no": False, "off": False}


def text(value: str) -> str:
    """A text that is not empty."""
    return value or _refuse(value, "a text of at least one character")


def switch(value: str) -> bool:
    """The variable of a flag that is `--name` or `--no-name`."""
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
    """A whole number in a range, or one of the words."""
    allowed = " or ".join((*words, f"a whole number from {least} to {most}"))

    def read(value: str) -> int | None:
        if value in words:
            return words[value]
        # int() also accepts signs, spaces, underscores and digits of other scripts.
        if re.fullmatch(r"[0-9]{1,18}", value) and least <= int(value) <= most:
            return int(value)
        _refuse(value, allowed)

    return read


def size(least: int, most: int, **words: int | None) -> Callable[[str], int | None]:
    """A number of bytes in a range, with or without a unit, or one of the words."""
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
    """A duration, in seconds if it has no unit; `zero`: whether 0 is allowed."""
    allowed = f"a duration of {'0 s or more' if zero else 'more than 0 s'}, as in 1.5, 500ms, 2m"

    def read(value: str) -> float:
        found = units.parse_duration(value)
        if found is not None and found < _LONGEST and (zero or found):
            return float(found)
        _refuse(value, allowed)

    return read


def variable(value: str) -> str:
    """The name of an environment variable (POSIX, XBD, 8.1).

    The error does not repeat the text: it may be the secret instead of the variable's name.
    """
    if not re.fullmatch(r"[A-Z_][A-Z0-9_]*", value):
        raise ArgumentTypeError("the value is not the NAME of a variable, in capitals")
    return value


def host_name(value: str) -> str:
    """The name of a host without a port, or `*` for any."""
    if value == "*" or re.fullmatch(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*\.?", value):
        return value
    _refuse(value, "the name of a host without a port, as in demo.example, or *")


def token(value: str) -> str:
    """A token (RFC 9110, section 5.6.2), as the name of a cookie is."""
    if not is_token(value):
        _refuse(value, "a name of letters, digits and !#$%&'*+-.^_`|~")
    return value


def names(value: str) -> tuple[str, ...]:
    """Different names, with commas between them."""
    found = tuple(value.split(","))
    if len(set(found)) < len(found) or not all(one.strip() == one > "" for one in found):
        _refuse(value, "a list of different names, as in a,b")
    return found


def trusted_peers(value: str) -> str:
    """Networks and addresses, and `unix`, with commas between them."""
    try:
        TrustedPeers(value)
    except ValueError as problem:
        raise ArgumentTypeError(str(problem)) from problem
    return value


def field(value: str) -> tuple[str, str]:
    """A field's name, in lower case, and its value, which the error does not repeat."""
    name, colon, rest = value.partition(":")
    if not colon or not is_token(name) or not rest.strip():
        raise ArgumentTypeError("the value is not a field, NAME: VALUE")
    return name.lower(), rest.strip()


def field_table(table: Mapping[str, object], where: str) -> list[tuple[str, str]]:
    """The fields of a table in a configuration file, whose values the error does not repeat."""
    if not all(is_token(name) and isinstance(value, str) for name, value in table.items()):
        raise ArgumentTypeError('the table has an item that is not a field, NAME = "VALUE"')
    return [field(f"{name}:{value}") for name, value in table.items()]


def _refuse(value: str, allowed: str) -> NoReturn:
    raise ArgumentTypeError(f"{value!r} is not {allowed}")
