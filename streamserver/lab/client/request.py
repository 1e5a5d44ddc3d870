"""The request that is sent repeatedly, and the kind of response that it expects.

Two variables are replaced in the target, in field values and in the body: ``{n}`` by the number of
the exchange, from 0, and ``{uuid}`` by a UUID. They defeat caches and identify an exchange in a
server's log. Other braces are kept, since JSON needs them. Both values depend on the seed and the
number only, so a run is repeatable, and its processes together send what one process would.
"""

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from random import Random
from typing import Any, Literal
from urllib.parse import SplitResult, quote, urlsplit
from uuid import UUID

from streamserver.lab.client.excerpt import Secrets
from streamserver.wire.fields import media_type
from streamserver.wire.heads import Fields
from streamserver.wire.request_heads import request_head

FORMS = "http://HOST[:PORT][/PATH][?QUERY] or https://..."
LINE_TYPES = frozenset(
    f"application/{name}" for name in ("jsonl", "x-jsonl", "jsonlines", "x-ndjson", "ndjson")
)
EVENT_TYPES = LINE_TYPES | {"text/event-stream"}
"""Media types whose bodies are events."""
Expectation = Literal["anything", "stream", "events", "answer"]
"""The kind of response that completes an exchange, from the least strict to the most:

- anything: the request does not say; a 204 completes it.
- stream: the JSON body has ``"stream": true``; any media type but that of a document.
- events: Accept lists event streams or JSON lines and nothing else.
- answer: a model's answer in events, with at least one token or tool call.
"""

_SAFE = "!$&'()*+,-./:;=@_~%?[]{}|"
"""Not percent-encoded in a target, as in browsers."""
_NO_STREAM = ("HEAD", "OPTIONS", "TRACE")
_variable = re.compile(rb"\{(?:n|uuid)\}")


@dataclass(frozen=True, slots=True)
class RequestSpec:
    """The request of a run; ValueError for a URL without a host or with another scheme."""

    url: str
    method: str = "GET"
    fields: tuple[tuple[str, str], ...] = ()
    """Beside Host, Content-Length and, unless given, Accept and User-Agent."""
    body: bytes = b""
    seed: int = 0
    chat: bool = False
    """Whether only a model's answer completes the exchange."""

    def __post_init__(self) -> None:
        self.split_url()

    def split_url(self) -> SplitResult:
        """The parts of the URL; ValueError that lists the forms."""
        try:
            parts = urlsplit(self.url)
            parts.port  # noqa: B018 - raises for an invalid port
        except ValueError as error:
            raise ValueError(f"{self.url!r} is no URL: {error}; it is {FORMS}") from None
        if "@" in parts.netloc:  # Not repeated: it may hold a password.
            raise ValueError(f"a URL has no user name here; it is {FORMS}")
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"{self.url!r} names no scheme or no host; it is {FORMS}")
        if not parts.netloc.isascii():
            raise ValueError(f"{self.url!r} has a host that is not in ASCII")
        return parts

    @property
    def target(self) -> str:
        """The path and query of the URL, percent-encoded where necessary."""
        parts = self.split_url()
        return quote((parts.path or "/") + (f"?{parts.query}" if parts.query else ""), safe=_SAFE)

    @property
    def expectation(self) -> Expectation:
        """The kind of response that the request asks for."""
        if self.chat:
            return "answer"
        return expectation_of(self.method, self.fields, self._substitute(0)(self.body))

    def secrets(self) -> Secrets:
        """The secrets of the request, for removal from reports."""
        return Secrets(list(self.fields), self.target, self.body)

    def encoder(self, *extra: tuple[str, str]) -> Callable[[int], bytes]:
        """A function from the number of an exchange to its request; ``extra``: further fields.

        ValueError for a method, target or field that no request can have.
        """
        head = request_head(self.method, self.target, self._head_fields(extra))
        has_length = bool(self.body) or self.method in ("POST", "PUT", "PATCH")

        def encode(n: int) -> bytes:
            substitute = self._substitute(n)
            body = substitute(self.body)
            length = b"content-length: %d\r\n" % len(body) if has_length else b""
            return b"%b%b\r\n%b" % (substitute(head[:-2]), length, body)

        if _variable.search(head) or _variable.search(self.body):
            return encode
        constant = encode(0)
        return lambda n: constant

    def _head_fields(self, extra: tuple[tuple[str, str], ...]) -> Fields:
        given = {name.lower() for name, _ in self.fields}
        host = [("host", self.split_url().netloc)]
        defaults = [("accept", "*/*"), ("user-agent", "streamserver-bench")]
        return [
            *(field for field in host if field[0] not in given),
            *self.fields,
            *extra,
            *(field for field in defaults if field[0] not in given),
        ]

    def _substitute(self, n: int) -> Callable[[bytes], bytes]:
        def value(variable: re.Match[bytes]) -> bytes:
            if variable[0] == b"{n}":
                return b"%d" % n
            return str(UUID(int=Random(f"{self.seed}/{n}").getrandbits(128), version=4)).encode()

        return lambda text: _variable.sub(value, text)


def expectation_of(method: str, fields: Iterable[tuple[str, str]], body: bytes) -> Expectation:
    """The kind of response that a request asks for by its method, Accept and JSON body."""
    if method in _NO_STREAM:
        return "anything"
    accept = ",".join([value for name, value in fields if name.lower() == "accept"])
    ranges = [media_type(one) for one in accept.split(",") if one.strip()]
    if ranges and EVENT_TYPES.issuperset(ranges):
        return "events"
    members = (parse_object(body) or {}) if b'"stream"' in body else {}
    return "stream" if members.get("stream") is True else "anything"


def parse_object(text: str | bytes) -> dict[str, Any] | None:
    """The JSON object in a text; None for anything else."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
