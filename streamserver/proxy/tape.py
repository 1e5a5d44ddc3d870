"""What may listen to an exchange with an upstream as it passes.

It hears of everything in the call that passes it on, so it may take no time: it keeps what it is
given, which nobody changes, and looks at it later.
"""

from collections.abc import Callable, Sequence
from typing import Protocol, TypeAlias

from streamserver.kit.request import Request
from streamserver.wire.chunked import End
from streamserver.wire.response_heads import ResponseHead


class Tape(Protocol):
    """Hears one exchange; must not raise."""

    def asked(self, part: bytes, is_last: bool) -> None:
        """A part of the request's body was sent; called once at least where there is a body."""

    def heard(self, parts: Sequence[ResponseHead | bytes | End]) -> None:
        """One read of the upstream has brought these, which are about to be passed on."""


MakeTape: TypeAlias = Callable[[Request], Tape | None]
"""Called with each request that is relayed; None: nobody listens."""
