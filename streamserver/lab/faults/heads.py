"""What faults do to the head of a response."""

from collections.abc import Sequence

from streamserver.kit.request import Request
from streamserver.kit.response import Response
from streamserver.lab.faults.asked import Fault
from streamserver.lab.faults.parts import note
from streamserver.server.answer import FileRegion
from streamserver.server.framing import frame
from streamserver.server.phase import Outcome
from streamserver.wire.problem import HTTPError


def check(request: Request, faults: Sequence[Fault]) -> None:
    """HTTPError 400 for faults that no response to this request can have."""
    ends = [fault for fault in faults if fault.is_end]
    if len(ends) > 1:
        raise refusal(ends[1], f"cannot be with {ends[0]}: a response has one end")
    for fault in faults:
        if fault.name == "bad_chunk" and not request.exchange.head.minor:
            raise refusal(fault, "needs HTTP/1.1, for HTTP/1.0 has no chunks")


def set_framing(response: Response, faults: Sequence[Fault]) -> None:
    """Set the fields that tell where the body ends, or leave them out; HTTPError 400 for a length
    that hangs on one which nobody knows."""
    headers, body = response.headers, response.body
    length: int | str | None = headers.get("content-length")
    if isinstance(body, bytes):
        length = len(body)
    elif isinstance(body, FileRegion):
        length = body.count
    if length is not None:
        headers["content-length"] = str(length)
    for fault in faults:
        if fault.name == "slow_close":
            headers["connection"] = "close"
        if fault.needs_open_end and "content-length" in headers:
            del headers["content-length"]
    for fault in faults:
        if fault.name.startswith("length"):
            headers["content-length"] = str(_length(fault, length))


def _length(fault: Fault, length: int | str | None) -> int:
    """The Content-Length that a fault wants."""
    value = int(fault.value or 0)
    if fault.name == "length":
        return value
    if length is None:
        raise refusal(fault, "needs a body whose length is known: give length:BYTES")
    by = max(value, 1) * (1 if fault.name == "length_over" else -1)
    return max(int(length) + by, 0)


def half_head(request: Request, response: Response, fault: Fault) -> Response:
    """Send the beginning of the head, here and now, and close."""
    exchange = request.exchange
    head, *_ = frame(exchange.head, response, "", keep_alive=False)
    size = len(head) // 2 if fault.value is None else min(int(fault.value), len(head) - 1)
    exchange.connection.transport.write(head[:size])
    note(exchange, str(fault))
    exchange.cut(Outcome.TRUNCATED)
    return response


def refusal(fault: Fault, why: str) -> HTTPError:
    """What a request is answered with whose response cannot have a fault."""
    return HTTPError(400, f"fault {fault} {why}", parameter=f"fault {fault.name}")
