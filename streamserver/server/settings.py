"""Every limit and deadline of the engine, with its default and its reason.

A server without limits can be taken down by one client, so a listener always has all of these.
"""

from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True)
class Settings:
    """Limits in bytes, deadlines in seconds; 0 means "off" where the description says so.

    ValueError names a setting that is negative, or zero where zero has no meaning.
    """

    head_timeout: float = 10.0
    """From a request's first byte to the end of its head, else 408. A head is usually one packet;
    a client that needs ten seconds for it is an attacker (slow loris) or has a broken network."""

    body_timeout: float = 30.0
    """Between two pieces of a request body that a handler waits for, else 408."""

    write_timeout: float = 30.0
    """How long a client may take nothing while bytes wait for it, before it is cut."""

    keep_alive: float = 75.0
    """How long an idle connection is kept. Common load balancers close theirs after 60 s; if the
    server closed first, it could close a connection while a request is on its way."""

    linger: float = 2.0
    """How long bytes are read and discarded after the last response: to close while the client
    still sends would reset the connection and could destroy the response on its way (RFC 9112,
    section 9.6). 0 is off."""

    max_stream: float = 0.0
    """From a request's head to the end of its response; 0 is off. The default is off, because a
    total deadline also ends healthy streams."""

    grace: float = 10.0
    """From the first signal until open responses are cut; below the 30 s after which common
    supervisors kill a process."""

    heartbeat: float = 15.0
    """Silence after which an event stream gets a comment; 0 is off. WHATWG HTML, section 9.2.7,
    recommends 15 s."""

    max_head: int = 16 * 1024
    """A request head, else 431; as in node."""

    max_target: int = 8 * 1024
    """A request target, else 414; RFC 9112, section 3, recommends at least 8,000."""

    max_body: int = 1024 * 1024
    """A request body, else 413; a route may allow more."""

    max_pipelined: int = 64 * 1024
    """Bytes of further requests that may wait while one is answered; above it reading is
    paused."""

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
