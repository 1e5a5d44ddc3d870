"""A verdict of the inspector: one question about a stream, with the evidence for its answer."""

from typing import Literal, NamedTuple

Status = Literal["ok", "wrong", "not seen", "not asked"]
"""``not seen``: the recordings do not permit a judgement. ``not asked``: an option is needed."""


class Remedy(NamedTuple):
    """What to change, and where."""

    where: str
    """The server itself ("server"), or a product between it and the client, as in "nginx"."""
    change: str


class Finding(NamedTuple):
    """The answer to a question."""

    status: Status
    evidence: str
    """What was seen, with its figures, in one sentence."""
    remedies: tuple[Remedy, ...] = ()
    """Only for ``wrong``."""
    section: str = ""
    """The section of the standard, if it is not the one that the question names."""


class Verdict(NamedTuple):
    """A question and its answer."""

    name: str
    """A short name that never changes, as in "buffering"."""
    status: Status
    evidence: str
    section: str = ""
    """The section of the standard, as in "RFC 9112, section 7.1"; "" if there is none."""
    remedies: tuple[Remedy, ...] = ()


def seconds(value: float) -> str:
    """A time for people: "3 ms", "0.45 s", "12.3 s"."""
    if value < 0.0995:
        return f"{value * 1000:.0f} ms"
    return f"{value:.2f} s" if value < 9.995 else f"{value:.1f} s"


def count(number: int, noun: str) -> str:
    """A number with its noun, which is given in the plural: "1 event", "3 events"."""
    return f"{number} {noun.removesuffix('s') if number == 1 else noun}"
