"""Content codings: their negotiation (RFC 9110, section 12.5.3), and what encodes a body.

A coder belongs to one stream. Everything that it has encoded can be decoded at once, because each
call of ``encode`` ends with a flush. The standard library has zstd from Python 3.14 on; earlier
versions need the extra ``zstd``. Without it zstd is not offered.
"""

import re
from collections.abc import Sequence
from functools import cache
from importlib import import_module
from typing import Any, Literal, Protocol

Coding = Literal["zstd", "gzip"]
IDENTITY = "identity"

CODINGS: tuple[Coding, ...] = ("zstd", "gzip")
"""The codings that are implemented, the preferred one first. For a stream gzip is preferred: in a
small window it is a third of the memory, and smaller on the wire, as are the blocks of a feed."""

# Possessive quantifiers do not backtrack, so matching takes linear time.
_member = re.compile(
    r"[ \t]*+([!#$%&'*+.^_`|~0-9A-Za-z-]++)"
    r"(?:[ \t]*+;[ \t]*+[qQ]=(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?))?+[ \t]*+"
).fullmatch


class Coder(Protocol):
    """Encodes the body of one response, piece by piece.

    ``coding``: its name in Content-Encoding. ``holds_state``: whether it keeps a compressor
    between two pieces, which ``rest`` can free.
    """

    coding: str
    holds_state: bool

    def encode(self, data: bytes) -> bytes:
        """The next bytes of the coded body. With them a decoder returns all of ``data``, which is
        not empty."""

    def finish(self, data: bytes = b"") -> bytes:
        """The last bytes of the coded body: ``data`` and the end of the coding. Without them a
        decoder detects that the body is cut."""

    def rest(self) -> None:
        """Free the compressor, unless something was encoded since the last call. The next piece is
        encoded without reference to earlier ones."""


class Compressor(Protocol):
    """Encodes one body without a flush between its parts."""

    def compress(self, data: bytes, /) -> bytes:
        """Some bytes of the coded body, possibly none."""

    def flush(self) -> bytes:
        """The rest of the coded body."""


def negotiate(accept_encoding: str | None, offered: Sequence[Coding]) -> tuple[Coding, ...]:
    """The offered codings that the client prefers to all others, in their order; none: identity.

    ``*`` is every coding that is not named, and ``x-gzip`` is gzip. Malformed members are ignored.
    Without a field the content is not coded, and neither is it if nothing is acceptable: a
    server may then disregard the field instead of answering 406 (section 12.4.1).
    """
    if not accept_encoding:
        return ()
    qualities: dict[str, float] = {}
    for text in accept_encoding.split(","):
        if member := _member(text):
            name = member[1].lower()
            quality = float(member[2] or 1)
            qualities.setdefault("gzip" if name == "x-gzip" else name, quality)
    others = qualities.get("*", 0.0)
    found = {coding: qualities.get(coding, others) for coding in offered}
    highest = max(found.values(), default=0.0)
    # A client that does not name identity accepts it, but prefers any coding that it names.
    if not highest or highest < qualities.get(IDENTITY, others):
        return ()
    return tuple([coding for coding, quality in found.items() if quality == highest])


@cache
def zstd_library() -> Any:
    """``compression.zstd``, or its backport; None if there is neither."""
    for name in ("compression.zstd", "backports.zstd"):
        try:
            return import_module(name)
        except ImportError:
            continue
    return None


@cache
def available_codings() -> tuple[Coding, ...]:
    """The codings whose libraries are installed, the preferred one first."""
    return CODINGS if zstd_library() is not None else ("gzip",)


def of_stream(codings: Sequence[Coding]) -> Coding:
    """The one of several codings that is preferred for a stream."""
    return "gzip" if "gzip" in codings else codings[0]
