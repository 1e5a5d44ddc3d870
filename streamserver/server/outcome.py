"""How an exchange ends: in exactly one of these ways."""

from enum import StrEnum


class Outcome(StrEnum):
    """The word that the access log and the metrics tell of an exchange."""

    COMPLETE = "complete"
    """The whole response was handed to the socket."""
    CLIENT_GONE = "client_gone"
    """The client closed or reset its side first; one that half-closes counts as gone."""
    STALLED = "stalled"
    """The client took nothing for ``write_timeout``."""
    TRUNCATED = "truncated"
    """The producer failed after the head."""
    REJECTED = "rejected"
    """The request broke a rule of the engine and was refused."""
    EXPIRED = "expired"
    """The response outlived ``max_stream``."""
    DRAINED = "drained"
    """The server was stopped first."""
