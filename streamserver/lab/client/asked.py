"""What is asked, each time anew: a request, in which numbers may stand for themselves.

Two variables are replaced in the target, in values of fields and in the body, so that no cache
answers and each exchange can be found in a server's log: ``{n}`` is the number of the exchange,
from 0, and ``{uuid}`` a UUID of its own. Whatever else stands in braces stays, as JSON needs it.
Both follow from the seed and the number alone; so a run can be repeated, and several processes
ask for what one would.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from urllib.parse import SplitResult, quote, urlsplit
from uuid import UUID

from streamserver.lab.client.shown import Secrets
from streamserver.lab.client.wanted import Wanted, wanted_by
from streamserver.wire.request_heads import request_head

FORMS = "http://HOST[:PORT][/PATH][?QUERY] or https://..."
_SAFE = "!$&'()*+,-./:;=@_~%?[]{}|"
"""What stays as it is in a target; all else is percent-encoded, as a browser does it."""
_variable = re.compile(rb"\{(?:n|uuid)\}")


@dataclass(frozen=True, slots=True)
class Ask:
    """A request to be made over and over; ValueError for a URL that names no place."""

    url: str
    method: str = "GET"
    fields: tuple[tuple[str, str], ...] = ()
    """Beside Host, Content-Length and, unless they are given, Accept and User-Agent."""
    body: bytes = b""
    seed: int = 0
    chat: bool = False
    """Whether it asks a model, so that only a stream with an answer is a success."""

    def __post_init__(self) -> None:
        self.parts()

    def parts(self) -> SplitResult:
        """The parts of the URL; ValueError that says which forms there are."""
        try:
            parts = urlsplit(self.url)
            parts.port  # noqa: B018 - looked at, since it may be wrong
        except ValueError as error:
            raise ValueError(f"{self.url!r} is no URL: {error}; it is {FORMS}") from None
        if "@" in parts.netloc:  # Not repeated: it may hold a password.
            raise ValueError(f"a URL has no user name here; it is {FORMS}")
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"{self.url!r} names no scheme or no host; it is {FORMS}")
        if not parts.netloc.isascii():
            raise ValueError(f"{self.url!r} has a host that is not in ASCII")
        return parts

    def target(self) -> str:
        """The path and query of the URL, percent-encoded where they have to be."""
        parts = self.parts()
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        return quote(target, safe=_SAFE)

    @property
    def wanted(self) -> Wanted:
        """What kind of response it asks for."""
        if self.chat:
            return "answer"
        return wanted_by(self.method, self.fields, self._values(0)(self.body))

    def secrets(self) -> Secrets:
        """What of the request must not be shown."""
        return Secrets(list(self.fields), self.target(), self.body)

    def writer(self, *own: tuple[str, str]) -> Callable[[int], bytes]:
        """What gives the request for each number; ``own``: fields of the client's.

        ValueError for a method, target or field that no request can have.
        """
        message = self._message(self.body, own)
        if not _variable.search(message):
            return lambda n: message
        # The head holds the length of the body, so the body comes first.
        return lambda n: self._filled(n)._message(self._values(n)(self.body), own)

    def _filled(self, n: int) -> "Ask":
        """This, with the variables of the head replaced."""
        replace = self._values(n)

        def filled(text: str) -> str:
            return replace(text.encode()).decode()

        fields = tuple((name, filled(value)) for name, value in self.fields)
        return Ask(filled(self.url), self.method, fields)

    def _values(self, n: int) -> Callable[[bytes], bytes]:
        def value(found: re.Match[bytes]) -> bytes:
            if found[0] == b"{n}":
                return b"%d" % n
            return str(UUID(int=Random(f"{self.seed}/{n}").getrandbits(128), version=4)).encode()

        return lambda text: _variable.sub(value, text)

    def _message(self, body: bytes, own: tuple[tuple[str, str], ...]) -> bytes:
        given = {name.lower() for name, _ in self.fields}
        fields = [("host", self.parts().netloc), *self.fields, *own]
        if "host" in given:
            fields = fields[1:]
        for name, value in (("accept", "*/*"), ("user-agent", "streamserver-bench")):
            if name not in given:
                fields.append((name, value))
        if body or self.method in ("POST", "PUT", "PATCH"):
            fields.append(("content-length", str(len(body))))
        return request_head(self.method, self.target(), fields) + body
