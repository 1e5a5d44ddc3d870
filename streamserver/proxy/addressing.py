"""The request of one replica as another one gets it.

A request is written once, for the first URL. The head that another replica gets differs in two
places: the base in the target, and the value of Host.
"""

from streamserver.proxy.origin import Origin


def readdressed(request: bytes, old: Origin, new: Origin) -> bytes:
    """A request that was written for ``old``, as it is sent to ``new``.

    A Host that is the client's (``keep_host``) stays, unless it names ``old``.
    """
    if (old.base, old.authority) == (new.base, new.authority):
        return request
    line_end = request.index(b"\r\n")
    method, target, version = request[:line_end].split(b" ")
    if target.startswith(b"/"):  # else "*" (RFC 9112, section 3.2.4)
        target = new.base.encode() + target[len(old.base) :]
    line = b"%b %b %b\r\n" % (method, target, version)
    host, rest = f"host: {old.authority}\r\n".encode(), line_end + 2
    if request.startswith(host, rest):
        line += f"host: {new.authority}\r\n".encode()
        rest += len(host)
    return b"".join((line, memoryview(request)[rest:]))  # a body is copied once
