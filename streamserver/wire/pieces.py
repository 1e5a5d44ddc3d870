"""The pieces of a body that a handler may send."""


def as_bytes(piece: object) -> bytes:
    """A piece as bytes, text as UTF-8; TypeError for what is neither bytes-like nor text.

    A list of small numbers, an array or a view of wider items is refused: its length is not its
    number of bytes, and would make a wrong chunk size.
    """
    if isinstance(piece, str):
        return piece.encode()
    if isinstance(piece, bytes | bytearray | memoryview):
        return bytes(piece)
    given = "None" if piece is None else type(piece).__name__
    raise TypeError(f"a piece of a body is bytes or str, not {given}{_HINTS.get(given, '')}")


_HINTS = {
    "Event": ": an EventStream sends events",
    "dict": ": encode it first, or send it with an EventStream",
    "list": ": encode it first, or yield its members one by one",
    "coroutine": ": it must be awaited first",
}
