"""The request that is sent repeatedly, and the kind of response that it expects.

Two variables are replaced in the target, in field values and in the body: ``{n}`` by the number of
the exchange, from 0, and ``{uuid}`` by a UUID. They defeat caches and identify an exchange in a
server's log. Other braces are kept, since JSON needs them. Both values depend on the seed and the
number only, so a run is repeatable, and its processes together send what one process would.

Requests to a model have bodies of their own, see ``lab.prompts``; in a conversation of several
turns the number is that of the conversation.
"""

import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Literal, Protocol
from urllib.parse import SplitResult, quote, urlsplit
from uuid import UUID

from streamserver.lab.cassettes.redaction import redact_target
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


class OpenBodies(Protocol):
    """The bodies of a run's requests, by number."""

    def turns(self, n: int) -> int:
        """The exchanges of conversation ``n``."""

    def body(self, n: int, answers: Sequence[str], patch: bytes) -> bytes:
        """The body of the exchange after the answers of a conversation, with the members of
        ``patch``, a JSON object or nothing."""


class Bodies(Protocol):
    """Describes the bodies of a run, and is sent to its processes."""

    @property
    def turns(self) -> int:
        """The most exchanges of a conversation."""

    @property
    def text(self) -> str:
        """Text of the command line, which may hold a secret."""

    def open(self, seed: int) -> OpenBodies:
        """The bodies of a seed; OSError for a file that cannot be read."""


@dataclass(frozen=True, slots=True)
class RequestSpec:
    """The request of a run; ValueError for a URL without a host or with another scheme."""

    url: str
    method: str = "GET"
    fields: tuple[tuple[str, str], ...] = ()
    """Beside Host, Content-Length and, unless given, Accept and User-Agent."""
    body: bytes = b""
    """If there are ``bodies``: a JSON object whose members are merged into each, or empty."""
    seed: int = 0
    chat: bool = False
    """Whether only a model's answer completes the exchange."""
    bodies: Bodies | None = None

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
        return expectation_of(self.method, self.fields, substitution(self.seed, 0)(self.body))

    @property
    def turns(self) -> int:
        """The most exchanges of a conversation; 1 if every exchange stands alone."""
        return self.bodies.turns if self.bodies else 1

    def secrets(self) -> Secrets:
        """The secrets of the request, for removal from reports."""
        text = self.bodies.text.encode("utf-8", "surrogateescape") if self.bodies else b""
        return Secrets(list(self.fields), self.target, self.body + b"\n" + text)

    @property
    def shown_url(self) -> str:
        """The URL without secrets, for reports."""
        return self.secrets().remove(redact_target(self.url))

    @property
    def title(self) -> str:
        """The method and the URL without secrets."""
        return f"{self.method} {self.shown_url}"

    def encoder(self, *extra: tuple[str, str]) -> "Encoder":
        """What encodes the requests; ``extra``: further fields.

        ValueError for a method, target or field that no request can have, OSError for a file of
        bodies that cannot be read.
        """
        return Encoder(self, request_head(self.method, self.target, self._head_fields(extra)))

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


class Encoder:
    """Encodes the requests of a run by number."""

    __slots__ = ("_bodies", "_body", "_constant", "_has_length", "_head", "_seed")

    def __init__(self, spec: RequestSpec, head: bytes) -> None:
        self._head, self._body, self._seed = head[:-2], spec.body, spec.seed
        self._bodies = spec.bodies.open(spec.seed) if spec.bodies else None
        self._has_length = bool(spec.body) or spec.method in ("POST", "PUT", "PATCH")
        varies = self._bodies or _variable.search(head) or _variable.search(spec.body)
        self._constant = None if varies else self._encode(0, ())

    def __call__(self, n: int, answers: Sequence[str] = ()) -> bytes:
        """The request of exchange ``n``; of a conversation, the one that follows the answers."""
        return self._encode(n, answers) if self._constant is None else self._constant

    def turns(self, n: int) -> int:
        """The exchanges of conversation ``n``."""
        return self._bodies.turns(n) if self._bodies else 1

    def _encode(self, n: int, answers: Sequence[str]) -> bytes:
        substitute = substitution(self._seed, n)
        body = substitute(self._body)
        if self._bodies:
            body = self._bodies.body(n, answers, body)
        length = b"content-length: %d\r\n" % len(body) if self._has_length or body else b""
        return b"%b%b\r\n%b" % (substitute(self._head), length, body)


def substitution(seed: int, n: int) -> Callable[[bytes], bytes]:
    """A function that replaces the variables in a text, for exchange ``n``."""

    def value(variable: re.Match[bytes]) -> bytes:
        if variable[0] == b"{n}":
            return b"%d" % n
        return str(UUID(int=Random(f"{seed}/{n}").getrandbits(128), version=4)).encode()

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
