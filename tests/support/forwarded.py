"""The client of a request that a trusted peer has sent, by the text of its fields."""

from streamserver.wire.forwarded import Client, Source, TrustedPeers

PEER = Client("10.0.0.1", 4000, "http", "origin.example")
TRUSTED = ["10.0.0.0/8", "2001:db8:10::/48"]


def found(source: Source, *fields: tuple[str, str], peer: Client = PEER) -> Client:
    """The client of a request with these fields, of which one kind is read."""
    return TrustedPeers(TRUSTED, source).client(peer, list(fields))


def by_list(text: str) -> str:
    """The client by the text of X-Forwarded-For."""
    return str(found("x-forwarded", ("x-forwarded-for", text)))


def by_elements(text: str) -> str:
    """The client by the text of Forwarded."""
    return str(found("forwarded", ("forwarded", text)))


PROXY = str(PEER)
