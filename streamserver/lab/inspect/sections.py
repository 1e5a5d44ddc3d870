"""How a part of a response is shown: its colour, and the section that defines it."""

from streamserver.lab.inspect.parts import Kind

_SHOWN: dict[Kind, tuple[str, str]] = {
    "status line": ("1;36", "RFC 9112, 4"),
    "field": ("36", "RFC 9110, 5"),
    "end of the head": ("2", "RFC 9112, 2.1"),
    "chunk size": ("33", "RFC 9112, 7.1"),
    "data": ("", "RFC 9112, 6"),
    "end of the chunk": ("2", "RFC 9112, 7.1"),
    "last-chunk": ("1;33", "RFC 9112, 7.1"),
    "trailer": ("36", "RFC 9112, 7.1.2"),
    "end of the body": ("1;33", "RFC 9112, 7.1"),
    "excess": ("1;31", "RFC 9112, 6.3"),
    "unreadable": ("1;31", ""),
    "event field": ("32", "HTML 9.2.6"),
    "comment": ("35", "HTML 9.2.7"),
    "blank line": ("2", "HTML 9.2.6"),
    "line": ("", ""),
    "byte order mark": ("2", "HTML 9.2.5"),
}
_OF_FIELD = {
    "cache-control": "RFC 9111, 5.2",
    "age": "RFC 9111, 5.1",
    "expires": "RFC 9111, 5.3",
    "connection": "RFC 9110, 7.6.1",
    "content-encoding": "RFC 9110, 8.4",
    "content-length": "RFC 9110, 8.6",
    "content-type": "RFC 9110, 8.3",
    "date": "RFC 9110, 6.6.1",
    "etag": "RFC 9110, 8.8.3",
    "keep-alive": "RFC 9112, C.2.2",
    "last-modified": "RFC 9110, 8.8.2",
    "location": "RFC 9110, 10.2.2",
    "retry-after": "RFC 9110, 10.2.3",
    "server": "RFC 9110, 10.2.4",
    "set-cookie": "RFC 6265, 4.1",
    "trailer": "RFC 9110, 6.6.2",
    "transfer-encoding": "RFC 9112, 6.1",
    "upgrade": "RFC 9110, 7.8",
    "vary": "RFC 9110, 12.5.5",
    "via": "RFC 9110, 7.6.3",
    "www-authenticate": "RFC 9110, 11.6.1",
    "alt-svc": "RFC 7838, 3",
    "link": "RFC 8288, 3",
    "strict-transport-security": "RFC 6797, 6.1",
}


def colour_of(kind: Kind) -> str:
    """The parameters of SGR (ECMA-48, section 8.3.117) for a kind of part; "" for none."""
    return _SHOWN[kind][0]


def section_of(kind: Kind, data: bytes = b"") -> str:
    """The section that defines a kind of part, "" if none does. ``data``: the bytes of the part,
    which select the section of a known field or of a chunk's extensions."""
    if kind == "field":
        name = data.partition(b":")[0].strip().lower().decode("latin-1")
        if name.startswith("access-control-"):
            return "Fetch 3.3"
        return _OF_FIELD.get(name, _SHOWN[kind][1])
    if kind in ("chunk size", "last-chunk") and b";" in data:
        return "RFC 9112, 7.1.1"
    return _SHOWN[kind][1]
