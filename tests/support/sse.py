"""Event streams, read in pieces."""

from collections.abc import Iterable

from streamserver.wire.sse import Event, Parser

BOM = b"\xef\xbb\xbf"


def feed(parser: Parser, pieces: Iterable[bytes]) -> list[Event]:
    """The events that the parser finds in a stream of these pieces."""
    return [event for piece in pieces for event in parser.feed(piece)]
