"""Chunked bodies as our decoder returns them, in any pieces."""

from dataclasses import dataclass

from streamserver.wire.chunked import Decoder, End
from streamserver.wire.problem import HTTPError

Fields = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Ended:
    """A complete body, perhaps with more behind it."""

    data: bytes
    trailers: Fields = ()
    rest: bytes = b""


@dataclass(frozen=True)
class Unfinished:
    """The start of a body."""

    data: bytes = b""


@dataclass(frozen=True)
class Refused:
    """Bytes that begin no body."""


Meaning = Ended | Unfinished | Refused


def decode(pieces: list[bytes]) -> Meaning:
    """The body in the pieces."""
    decoder, data = Decoder(), bytearray()
    for number, piece in enumerate(pieces):
        try:
            parts = decoder.feed(piece)
        except HTTPError:
            return Refused()
        for part in parts:
            if isinstance(part, End):
                assert part is parts[-1]
                rest = part.rest + b"".join(pieces[number + 1 :])
                return Ended(bytes(data), part.trailers, rest)
            assert part, "a part is empty"
            data += part
    return Unfinished(bytes(data))
