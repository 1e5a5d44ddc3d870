"""Every limit and deadline of the engine, with its default and its reason.

A server without limits is a server that a single client can take down, so none of these
can be forgotten: whoever builds a listener gets all of them. Seconds and bytes throughout.
"""

from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True)
class Settings:
    """Limits in bytes, deadlines in seconds; 0 switches off where it says so.

    ValueError names a setting that is negative, or zero where zero has no meaning.
    """

    head_timeout: float = 10.0
    """From a request's first byte to the end of its head, else 408. A head is one packet;
    whoever needs ten seconds for it is a slow loris or behind a broken line."""

    body_timeout: float = 30.0
    """Between two pieces of a request body that a handler waits for, else 408."""

    write_timeout: float = 30.0
    """A client that takes nothing for this long while we have bytes for it is cut."""

    keep_alive: float = 75.0
    """How long an idle connection is kept: above the 60 s after which common load
    balancers drop theirs, so that it is them who close, never us under their feet."""

    linger: float = 2.0
    """How long we read and discard after a last answer, so that a reset does not destroy
    it on its way to a client that is still sending (RFC 9112, section 9.6)."""

    max_stream: float = 0.0
    """From a request's head to the end of its response; 0 is off, since a total ends healthy
    streams too."""

    grace: float = 10.0
    """From the first signal to the cut of what still streams; below the 30 s after which
    common supervisors kill."""

    heartbeat: float = 15.0
    """The default beat of event streams; 0 is off. WHATWG HTML, section 9.2.7, advises 15 s."""

    max_head: int = 16 * 1024
    """A request head, else 431; between nginx's 8 KiB and node's 16 KiB per head."""

    max_target: int = 8 * 1024
    """A request target, else 414; RFC 9112, section 3, recommends at least 8,000."""

    max_body: int = 1024 * 1024
    """A request body, else 413; a route may allow more."""

    max_pipelined: int = 64 * 1024
    """Bytes of further requests that may wait while one is answered; beyond it we stop
    reading until they have been."""

    max_connections: int = 0
    """Open connections, TLS handshakes included, else 503; 0: only the descriptors limit them."""

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            least = 0 if field.name in _MAY_BE_ZERO else 1e-9
            if not value >= least:
                allowed = "0 or more" if least == 0 else "more than 0"
                raise ValueError(f"{field.name} must be {allowed}, not {value!r}")


_MAY_BE_ZERO = frozenset(
    ("max_stream", "grace", "heartbeat", "max_body", "max_pipelined", "max_connections", "linger")
)
