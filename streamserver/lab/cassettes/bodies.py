"""Which redactor a body needs, by its Content-Type."""

import re
from typing import TypeAlias

from streamserver.lab.cassettes.form_bodies import Parameters
from streamserver.lab.cassettes.json_bodies import JSONBody, Layout
from streamserver.lab.cassettes.multipart_bodies import Multipart
from streamserver.wire.fields import Headers, content_codings
from streamserver.wire.heads import Fields

FORM = "application/x-www-form-urlencoded"
EVENTS = "text/event-stream"
_is_media = re.compile(r"(?:image|audio|video|font)/").match
_has_lines = re.compile(r"json-?l|jsonlines|ndjson|json-seq|json-stream").search
_boundary = re.compile(r'(?i);[ \t]*boundary=(?:"([^"]{1,200})"|([^\s;"]{1,200}))').search


class InTurn:
    """Several redactors, each of what the one before has left."""

    __slots__ = ("_redactors",)

    def __init__(self, *redactors: JSONBody | Parameters | Multipart) -> None:
        self._redactors = redactors

    @property
    def values(self) -> list[bytes]:
        """What was overwritten so far, as far as it is noted."""
        return [value for redactor in self._redactors for value in redactor.values]

    def feed(self, piece: bytes) -> bytes:
        """The next piece without the secrets in it, as long as it was."""
        for redactor in self._redactors:
            piece = redactor.feed(piece)
        return piece


class FormOrJSON:
    """A form, unless it begins as JSON does: curl says of any data that it is a form."""

    __slots__ = ("_redactor",)

    def __init__(self) -> None:
        self._redactor: InTurn | None = None

    @property
    def values(self) -> list[bytes]:
        """What was overwritten so far, as far as it is noted."""
        return [] if self._redactor is None else self._redactor.values

    def feed(self, piece: bytes) -> bytes:
        """The next piece without the secrets in it, as long as it was."""
        if self._redactor is None:
            first = piece.lstrip()[:1]
            if not first:
                return piece
            is_json = first in b'{["'
            self._redactor = _of_json(Layout.DOCUMENT) if is_json else InTurn(Parameters(True))
        return self._redactor.feed(piece)


BodyRedactor: TypeAlias = InTurn | FormOrJSON


def redactor_of(fields: Fields) -> BodyRedactor:
    """The redactor of a body with these fields in its head. One that is compressed is not read."""
    headers = Headers.of_lower(fields)
    if content_codings(headers.get("content-encoding") or ""):
        return InTurn()
    content_type = headers.get("content-type")
    boundary = _boundary(content_type or "")
    if content_type and content_type.lower().startswith("multipart/") and boundary:
        name = (boundary[1] or boundary[2]).encode("latin-1")
        return InTurn(Multipart(name, _of_type))
    return _of_type(content_type)


def _of_type(content_type: str | None) -> BodyRedactor:
    """The redactor of a body of this type, which has no parts."""
    media = (content_type or FORM).partition(";")[0].strip().lower()
    if media == FORM:
        return FormOrJSON()
    if _is_media(media):
        return InTurn()
    if media == EVENTS:
        return _of_json(Layout.EVENTS)
    is_document = "json" in media and not _has_lines(media)
    return _of_json(Layout.DOCUMENT if is_document else Layout.LINES)


def _of_json(layout: Layout) -> InTurn:
    return InTurn(JSONBody(layout), Parameters(is_form=False))
