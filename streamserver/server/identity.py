"""Who sent a request, and the id by which its traces are found in the logs of all servers.

Both are read from fields only where the peer of the connection is trusted. Any other client could
write the address or the id of another one.
"""

import re
from os import urandom

from streamserver.server.framing import REQUEST_ID
from streamserver.server.writer import Writer
from streamserver.wire.forwarded import Client, peer_of

is_request_id = re.compile(r"[!-~]{1,128}").fullmatch
"""Whether a text is used as the id of a request: 1 to 128 visible characters of ASCII."""


class Identified(Writer):
    """The request's side of an exchange."""

    __slots__ = ("_client",)

    _client: Client | None

    @property
    def method(self) -> str:
        """The request's method, "-" if no head could be read."""
        return self.head.method

    @property
    def target(self) -> str:
        """The request's target as it came, "-" if no head could be read."""
        return self.head.target

    @property
    def name(self) -> str:
        """The method, the target and the id, for a message in the log."""
        line = f"{self.method} {ascii(self.target)[1:-1]}"
        return f"{line} (request_id={self.id})" if self.id else line

    @property
    def client(self) -> str:
        """The client as ``address:port``, as an address if its port is not known, or "unix"."""
        return self.connection.client if self.server.trusted is None else str(self.true_client)

    @property
    def true_client(self) -> Client:
        """The client, which is the peer of the connection unless trusted peers name another."""
        client = self._client
        if client is None:
            client = self._client = self._find_client()
        return client

    def _find_client(self) -> Client:
        connection, fields, trusted = self.connection, self.head.fields, self.server.trusted
        is_secure = connection.transport.get_extra_info("sslcontext") is not None
        host = next((value for name, value in fields if name == "host"), "")
        peer = Client(*peer_of(connection.client), "https" if is_secure else "http", host)
        return peer if trusted is None else trusted.client(peer, fields)

    @property
    def has_trusted_peer(self) -> bool:
        """Whether the fields in which proxies name clients and requests are read."""
        trusted = self.server.trusted
        return trusted is not None and trusted.trusts(peer_of(self.connection.client)[0])

    def identify(self) -> None:
        """Give the request the id that a trusted peer has sent, else a new one.

        An id must not repeat, and shows nothing, not even how many requests there are. It is not
        from the module ``random``, which apps seed to repeat their results.
        """
        if self.server.trusted is not None and self.has_trusted_peer:
            given = [value for name, value in self.head.fields if name == REQUEST_ID]
            if len(given) == 1 and is_request_id(given[0]):
                self.id = given[0]
                return
        self.id = urandom(16).hex()
