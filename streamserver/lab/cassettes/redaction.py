"""Redaction: secrets are recognized by their names and never reach a cassette.

In fields and targets ``REDACTED`` replaces a secret:

- the value of a field of such a name, as Authorization, Cookie, Set-Cookie and X-Api-Key, in
  requests and responses, interim ones and trailers included;
- the value of a parameter of such a name, in the target's query and in each URL in another field
  (Location, Referer, Link);
- the user name and password of a URL in a field.

In bodies each byte of a secret is overwritten: members of JSON, fields of forms and parameters of
URLs. Content-Length, the sizes of reads and the framing of events stay true. The hash of a
request's body is that of the redacted body: where only a short password is unknown, the hash of the
original would reveal it.

A secret of the request, or a cookie that the response sets, may be repeated anywhere in a body: by
an endpoint that echoes, or in an error about a key. ``Mask`` overwrites it there, however reads cut
it, if it has ``MIN_LENGTH`` bytes or more, since a shorter one would match by chance, and is among
the ``MAX_SECRETS`` longest of its exchange.

Not redacted are secrets without such a name: in a path, in text, in JSON within a JSON string, in
compressed bodies, in media and in other encodings than UTF-8.
"""

import json
import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from itertools import accumulate
from urllib.parse import unquote, unquote_plus

from streamserver.lab.cassettes.json_scanner import DOCUMENT, EVENTS, LINES, JSONScanner, Layout
from streamserver.lab.cassettes.scanners import (
    BodyRedactor,
    MultipartScanner,
    ParameterScanner,
    Scanner,
)
from streamserver.lab.cassettes.secret_names import is_secret
from streamserver.wire.fields import Headers, content_codings, media_type
from streamserver.wire.heads import Fields
from streamserver.wire.json_text import to_ascii_json, to_json

REDACTED = "REDACTED"
MIN_LENGTH = 8
MAX_SECRETS = 50

_parameter = re.compile(r"[?&;]([^=&;?#\s]+)=")
_end_in_target = re.compile(r"[&#]|\Z")
_end_in_text = re.compile(r"[&#\s\"'<>]|\Z")
_userinfo = re.compile(r"(?i)(?<![a-z0-9+.-])([a-z][a-z0-9+.-]*://)[^/?#@\s\"'<>]+@")
_is_plain = re.compile(r"[ !#-$&-*,-\[\]-~]*").fullmatch
_words = re.compile(r"[^\s;,\"]+")

FORM = "application/x-www-form-urlencoded"
_is_media = re.compile(r"(?:image|audio|video|font)/").match
_has_lines = re.compile(r"json-?l|jsonlines|ndjson|json-seq|json-stream").search
_boundary = re.compile(r'(?i)\Amultipart/.*?;[ \t]*boundary=(?:"([^"]{1,200})"|([^\s;"]{1,200}))')


# Targets and fields


def redact_target(target: str) -> str:
    """The target with the secrets in its query replaced; a redacted target does not change."""
    return replace_spans(target, _secret_parameters(target, _end_in_target))


def redact_fields(fields: Fields) -> Fields:
    """The fields with their secrets replaced."""
    return [(name, REDACTED if is_secret(name) else _redact_urls(value)) for name, value in fields]


def replace_spans(text: str, spans: Iterable[tuple[int, int]]) -> str:
    """The text with ``REDACTED`` in the place of these spans, which are in order."""
    kept, at = [], 0
    for start, end in spans:
        kept.append(text[at:start])
        at = end
    return REDACTED.join([*kept, text[at:]])


def _redact_urls(text: str) -> str:
    if "=" in text:
        text = replace_spans(text, _secret_parameters(text, _end_in_text))
    return _userinfo.sub(rf"\1{REDACTED}@", text) if "@" in text else text


def _secret_parameters(text: str, end_of_value: re.Pattern[str]) -> list[tuple[int, int]]:
    """The spans of the values of secret parameters."""
    found: list[tuple[int, int]] = []
    for name in _parameter.finditer(text):
        start = name.end()
        if is_secret(unquote(name[1])) and (not found or start > found[-1][1]):
            end = end_of_value.search(text, start)
            assert end is not None
            found.append((start, end.start()))
    return found


# Bodies


def redactor_of(fields: Fields) -> BodyRedactor:
    """The redactor of a body with these fields in its head. A compressed body is not redacted."""
    headers = Headers.of_lower(fields)
    if content_codings(headers.get("content-encoding") or ""):
        return BodyRedactor(())
    content_type = headers.get("content-type")
    if boundary := _boundary.match(content_type or ""):
        name = (boundary[1] or boundary[2]).encode("latin-1")
        return BodyRedactor([MultipartScanner(name, _redactor_of_type)])
    return _redactor_of_type(content_type)


def _redactor_of_type(content_type: str | None) -> BodyRedactor:
    """The redactor of a body of this type, which is not multipart."""
    media = media_type(content_type or FORM)
    if media == FORM:
        return BodyRedactor((), choose=_form_or_json)
    if _is_media(media):
        return BodyRedactor(())
    if media == "text/event-stream":
        return BodyRedactor(_of_json(EVENTS))
    is_document = "json" in media and not _has_lines(media)
    return BodyRedactor(_of_json(DOCUMENT if is_document else LINES))


def _form_or_json(start: bytes) -> list[Scanner]:
    """The scanners of a body labelled as a form: curl labels any data so."""
    return _of_json(DOCUMENT) if start in b'{["' else [ParameterScanner(is_form=True)]


def _of_json(layout: Layout) -> list[Scanner]:
    return [JSONScanner(layout), ParameterScanner(is_form=False)]


# Secrets that a body repeats


def secret_values(fields: Fields, target: str = "", others: Iterable[bytes] = ()) -> set[bytes]:
    """The longest secrets in fields, a target and these others, in each spelling that a body may
    repeat: as it is, decoded, or in a JSON string."""
    found = [part for name, value in fields if is_secret(name) for part in _parts(name, value)]
    found += [target[start:end] for start, end in _secret_parameters(target, _end_in_target)]
    values = {part.encode("latin-1", "replace") for part in found if part != REDACTED}
    longest = sorted(values.union(others), key=len, reverse=True)[:MAX_SECRETS]
    spelled = [text for value in longest for text in _spellings(value)]
    return {text.encode("latin-1") for text in spelled if len(text) >= MIN_LENGTH}


def _parts(name: str, value: str) -> list[str]:
    """The secret parts of a field's value: neither a cookie's name nor a scheme."""
    if name == "cookie":
        return [pair.partition("=")[2].strip() for pair in value.split(";")]
    if name.startswith("set-cookie"):
        return [value.partition(";")[0].partition("=")[2].strip()]
    scheme, _, rest = value.partition(" ")
    return _words.findall(rest or scheme)


def _spellings(value: bytes) -> set[str]:
    """The bytes in each spelling, as Latin-1."""
    text = value.decode("latin-1")
    if _is_plain(text):
        return {text}
    found = {text, unquote(text, "latin-1"), unquote_plus(text, "latin-1")}
    if "\\" in text:
        with suppress(ValueError):
            found.add(str(json.loads(f'"{text}"').encode().decode("latin-1")))
    for plain in tuple(found):
        found.add(to_json(plain)[1:-1])
        with suppress(ValueError):
            found.add(to_ascii_json(plain.encode("latin-1").decode())[1:-1])
    return found


class Mask:
    """Overwrites known secrets in a body that arrives in pieces.

    ``feed`` holds back pieces that may contain the beginning of a secret.
    """

    __slots__ = ("_held", "_secrets")

    def __init__(self, secrets: Iterable[bytes] = ()) -> None:
        self._held: list[bytes] = []
        self._secrets: list[bytes] = []
        self.add(secrets)

    def add(self, secrets: Iterable[bytes]) -> None:
        """Overwrite these as well from now on."""
        # The longest first, since one may begin with another.
        self._secrets = sorted({*secrets, *self._secrets}, key=len, reverse=True)[:MAX_SECRETS]

    def feed(self, pieces: Sequence[bytes], is_last: bool = False) -> list[bytes]:
        """The pieces that are certain by now, in order and each in its length; with the last
        pieces, all of them."""
        if not self._secrets:
            return list(pieces)
        pieces = self.apply([*self._held, *pieces])
        keep, size = len(pieces), 0
        while not is_last and keep and size < len(self._secrets[0]) - 1:
            keep -= 1
            size += len(pieces[keep])
        self._held = pieces[keep:]
        return pieces[:keep]

    def apply(self, pieces: list[bytes]) -> list[bytes]:
        """The pieces with the secrets overwritten that are complete in them."""
        whole = b"".join(pieces)
        found = [secret for secret in self._secrets if secret in whole]
        if not found:
            return pieces
        for secret in found:
            whole = whole.replace(secret, b"*" * len(secret))
        ends = accumulate(map(len, pieces))
        return [whole[end - len(piece) : end] for end, piece in zip(ends, pieces, strict=True)]
