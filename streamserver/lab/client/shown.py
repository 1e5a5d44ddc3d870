"""What may be shown of a response that failed: one line of its body, and no secret.

A body may be the first to name a secret, and it may repeat one that was sent: a service often
quotes the key that it refuses. So the values that the request holds under a secret's name are
masked wherever they stand, and then everything that follows such a name.
"""

import re
from collections.abc import Iterator

from streamserver.lab.cassettes.redaction import (
    REDACTED,
    Mask,
    redact_fields,
    redactor_of,
    replace_spans,
    secret_values,
)
from streamserver.lab.cassettes.secret_names import is_secret
from streamserver.lab.client.record import Record
from streamserver.wire.heads import Fields

KEPT = 1024
"""Bytes of a body that are kept to find the line in."""
LENGTH = 200
"""Characters of the line that are shown."""
SEARCHED = 64 * 1024
"""Bytes of a request's body that are searched for secrets."""

_SCHEME = r"(?:basic|bearer|digest|negotiate|token)\s{1,9}"
_name = re.compile(r"(?i)(?<![\w.-])([a-z][\w.-]{0,63}+)[\"']?\s{0,9}[:=]\s{0,9}")
_value = re.compile(
    rf"(?i)\"((?:[^\"\\]|\\.)*+)|'([^']*+)|((?:{_SCHEME})?[^\s,;&\"'}}\]]++)"
)
_credentials = re.compile(rf"(?i)\b({_SCHEME})(?=\S{{8}})[^\s,;\"']+")
# Keys of the services that put "sk-" in front, and JSON Web Tokens (RFC 7519).
_key = re.compile(r"\b(?:sk|pk|rk)-[\w*-]{8,}|\beyJ[\w-]+\.[\w-]+(?:\.[\w-]*)?")
_tag = re.compile(r"<[^<>]*+>")
_says_something = re.compile(r"\w").search


class Secrets:
    """Removes the secrets of a request, and what has a secret's name, from text."""

    __slots__ = ("_longest", "_mask")

    def __init__(self, fields: Fields, target: str = "", body: bytes = b"") -> None:
        named = [(name.lower(), value) for name, value in fields]
        in_body = redactor_of(named)
        in_body.feed(body[:SEARCHED])
        text = body[:SEARCHED].decode("latin-1")  # whatever Content-Type says
        values = [text[start:end].encode("latin-1") for start, end in _named(text)]
        secrets = secret_values(named, target, [*in_body.values, *values])
        self._mask = Mask(secrets)
        self._longest = max(map(len, secrets), default=1)

    def remove(self, text: str) -> str:
        """The text without secrets."""
        [masked] = self._mask.apply([text.encode("utf-8", "surrogatepass")])
        return _without_named(masked.decode("utf-8", "surrogatepass"))

    def first_line(self, start: bytes) -> str:
        """The first line of a body that says something, where ``start`` is its first ``KEPT``
        bytes."""
        [masked] = self._mask.apply([start])
        if len(start) >= KEPT:  # what is cut off may belong to a secret
            masked = masked[: KEPT + 1 - self._longest]
        line = _without_named(_line_of(masked.decode(errors="replace")))
        return line if len(line) <= LENGTH else line[: LENGTH - 3] + "..."

    def describe(self, record: Record, error_body: bytes | bytearray | None) -> None:
        """Complete the record of an exchange that failed with what may be shown of it."""
        if error_body:
            record.answer = self.first_line(bytes(error_body))
        if record.detail:
            record.detail = self.remove(record.detail)


def _line_of(text: str) -> str:
    """JSON may be spread over many lines, of which the first is a brace: they are joined. Of HTML
    the first line with text between its tags is taken."""
    if text.lstrip()[:1] in ("{", "["):
        return " ".join(text.split())
    lines = [line.strip() for line in text.splitlines()]
    found = [line for line in lines if _says_something(_tag.sub("", line))] or lines
    return next(filter(None, found), "")


def _without_named(text: str) -> str:
    """The text without what follows a secret's name or a scheme of authentication, without keys,
    and without the secrets of URLs."""
    text = replace_spans(text, _named(text))
    [(_, text)] = redact_fields([("", text)])
    return _key.sub(REDACTED, _credentials.sub(rf"\1{REDACTED}", text))


def _named(text: str) -> Iterator[tuple[int, int]]:
    """Where in a text the values stand that follow a secret's name, as in JSON, a form or a
    field."""
    at = 0
    for name in _name.finditer(text):
        if name.start() >= at and is_secret(name[1]) and (value := _value.match(text, name.end())):
            assert value.lastindex is not None
            at = value.end(value.lastindex)
            yield value.start(value.lastindex), at
