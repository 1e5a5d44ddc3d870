"""A verdict of the inspector: one question about a stream, with the evidence for its answer."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

Status = Literal["ok", "wrong", "not seen", "not asked"]
"""``not seen``: the recordings do not permit a judgement. ``not asked``: an option is needed."""


class Remedy(NamedTuple):
    """What to change, and where."""

    where: str
    """The server itself ("server"), or a product between it and the client, as in "nginx"."""
    change: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer to one question about a stream."""

    name: str
    """A short name that never changes, as in "buffering"."""
    status: Status
    evidence: str
    """What was seen, with its figures, in one sentence."""
    section: str = ""
    """The section of the standard, as in "RFC 9112, section 7.1"."""
    remedies: tuple[Remedy, ...] = ()
    """Only for ``wrong``."""
