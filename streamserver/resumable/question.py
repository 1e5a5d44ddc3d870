"""A request that an answer of the upstream is wanted for."""

from collections.abc import Callable
from typing import NamedTuple

from streamserver.kit.request import Request
from streamserver.proxy.proxy import Outgoing, Proxy
from streamserver.wire.heads import Fields


class Question(NamedTuple):
    """A request of a client, and the one to the upstream that it stands for."""

    request: Request
    proxy: Proxy
    outgoing: Outgoing
    """What is sent to the upstream, unless the key has an answer."""
    body: bytes
    """What an idempotency key is used for, together with the target."""
    key: str | None
    location: str
    """Where answers are, with a slash at its end; the id follows."""
    select: Callable[[Fields], Fields] | None = None
    """Returns the fields of the upstream's response that are passed on; None: all are."""
