"""The excerpt of a failed response that a report shows: one line of its body, without secrets.

A body may repeat a secret of the request (services quote the key that they refuse), or be the first
to name one. So the values that the request holds under a secret's name are masked wherever they
occur, and then every value that follows such a name.
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
"""Bytes of a body that are kept for the excerpt."""
LENGTH = 200
"""Characters of the excerpt."""
SEARCHED = 64 * 1024
"""Bytes of a request's body that are searched for secrets."""

_SCHEME = r"(?:basic|bearer|digest|negotiate|token)\s++"
_name = re.compile(r"(?i)(?<![\w.-])([a-z][\w.-]{0,63}+)[\"']?\s*+[:=]\s*+")
_value = re.compile(rf"(?i)\"((?:[^\"\\]|\\.)*+)|'([^']*+)|((?:{_SCHEME})?[^\s,;&\"'}}\]]++)")
_credentials = re.compile(rf"(?i)\b({_SCHEME})(?=\S{{8}})[^\s,;\"']+")
# Keys that begin with "sk-" or alike, and JSON Web Tokens (RFC 7519).
_key = re.compile(r"\b(?:sk|pk|rk)-[\w*-]{8,}|\beyJ[\w-]+\.[\w-]+(?:\.[\w-]*)?")
_tag = re.compile(r"<[^<>]*+>")
_has_word = re.compile(r"\w").search


class Secrets:
    """Removes from text the secrets of a request, and values that have a secret's name."""

    __slots__ = ("_longest", "mask")

    def __init__(self, fields: Fields, target: str = "", body: bytes = b"") -> None:
        fields = [(name.lower(), value) for name, value in fields]
        redactor = redactor_of(fields)
        redactor.feed(body[:SEARCHED])
        # Every body is searched, because Content-Type may be wrong.
        text = body[:SEARCHED].decode("latin-1")
        values = [text[start:end].encode("latin-1") for start, end in _named_values(text)]
        secrets = secret_values(fields, target, [*redactor.values, *values])
        self.mask = Mask(secrets)
        """Overwrites the values of the request's secrets."""
        self._longest = max(map(len, secrets), default=1)

    def remove(self, text: str) -> str:
        """The text without secrets."""
        [masked] = self.mask.apply([text.encode("utf-8", "surrogatepass")])
        return _redact_named(masked.decode("utf-8", "surrogatepass"))

    def excerpt(self, start: bytes) -> str:
        """The first line with text of a body whose first ``KEPT`` bytes are ``start``."""
        [masked] = self.mask.apply([start])
        if len(start) >= KEPT:  # the cut may be within a secret
            masked = masked[: KEPT + 1 - self._longest]
        line = _redact_named(_first_line(masked.decode(errors="replace")))
        return line if len(line) <= LENGTH else line[: LENGTH - 3] + "..."

    def complete(self, record: Record, error_body: bytes | bytearray | None) -> None:
        """Add the excerpt to the record of a failed exchange; remove secrets from its detail."""
        if error_body:
            record.answer = self.excerpt(bytes(error_body))
        if record.detail:
            record.detail = self.remove(record.detail)


def _first_line(text: str) -> str:
    """Of JSON all lines joined, since the first may be a brace; of HTML the first line with text
    between its tags."""
    if text.lstrip()[:1] in ("{", "["):
        return " ".join(text.split())
    lines = [line.strip() for line in text.splitlines()]
    found = [line for line in lines if _has_word(_tag.sub("", line))] or lines
    return next(filter(None, found), "")


def _redact_named(text: str) -> str:
    """Redact values after a secret's name or an authentication scheme, keys, and secrets in
    URLs."""
    text = replace_spans(text, _named_values(text))
    [(_, text)] = redact_fields([("", text)])
    return _key.sub(REDACTED, _credentials.sub(rf"\1{REDACTED}", text))


def _named_values(text: str) -> Iterator[tuple[int, int]]:
    """The spans of values after a secret's name, as in JSON, a form or a field."""
    at = 0
    for name in _name.finditer(text):
        if name.start() >= at and is_secret(name[1]) and (value := _value.match(text, name.end())):
            assert value.lastindex is not None
            at = value.end(value.lastindex)
            yield value.start(value.lastindex), at
