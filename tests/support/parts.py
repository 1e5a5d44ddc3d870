"""Parts of a response, joined where only a read has cut them."""

from streamserver.lab.inspect.parts import Part


def merged(parts: list[Part]) -> list[Part]:
    """The parts, of which each that directly continues the one before it is joined with it."""
    joined: list[Part] = []
    for part in parts:
        if part.continues and joined:
            before = joined.pop()
            part = part._replace(data=before.data + part.data, continues=before.continues)
        elif joined and part.kind == joined[-1].kind in ("excess", "unreadable"):
            part = part._replace(data=joined.pop().data + part.data)
        joined.append(part)
    return joined
