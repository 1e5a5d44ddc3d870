"""Chunked bodies as our decoder has them: what bytes mean, in any pieces."""

from dataclasses import dataclass

from streamserver.wire.chunked import Decoder, End
from streamserver.wire.problem import HTTPError

Fields = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Ended:
    """The bytes are a whole body, and perhaps more."""

    data: bytes
    trailers: Fields = ()
    rest: bytes = b""


@dataclass(frozen=True)
class Unfinished:
    """The bytes are the start of a body."""

    data: bytes = b""


@dataclass(frozen=True)
class Refused:
    """The bytes are no body, whatever came next."""


Meaning = Ended | Unfinished | Refused


def decode(pieces: list[bytes]) -> Meaning:
    """What our decoder makes of the pieces."""
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
            assert part, "an empty part tells nothing"
            data += part
    return Unfinished(bytes(data))
