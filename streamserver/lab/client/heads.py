"""What the head of a response says of its exchange, before any of the body has come."""

import re

from streamserver.lab.client.record import End
from streamserver.lab.client.wanted import EVENT_TYPES, Wanted, has_stream, media_type
from streamserver.wire.fields import content_codings
from streamserver.wire.response_heads import ResponseHead

SHOWN = 200
"""Characters of a field's value that are shown."""
_EMPTY = (204, 205, 304)
_user = re.compile("//[^/]*@")


def verdict_of(head: ResponseHead, wanted: Wanted) -> tuple[End, str] | None:
    """The end of the exchange and its reason, if the head rules out a success.

    The body is read in any case.
    """
    if head.status >= 400:
        return "refused", ""
    if head.status >= 300 and head.status != 304:
        told = f"status {head.status}, and redirects are not followed"
        return "redirected", f"{told}: {_place_of(head)[:SHOWN] or 'it has no Location'}"
    kind = content_type_of(head)
    if wanted != "anything":
        if head.status in _EMPTY:
            return "no_stream", f"status {head.status}, where a stream was asked for"
        if not has_stream(kind, wanted):
            what = media_type(kind)[:SHOWN] or "no Content-Type"
            return "no_stream", f"status {head.status} with {what}, where a stream was asked for"
    coding = coding_of(head)
    if coding and head.length and media_type(kind) in EVENT_TYPES:
        told = f"its events are encoded as {coding[:SHOWN]}, which is not decoded"
        return "encoded", f"{told}: request it with Accept-Encoding: identity"
    return None


def content_type_of(head: ResponseHead) -> str:
    """The value of Content-Type, of the last line if there are several; "" without one."""
    return dict(head.fields).get("content-type", "")


def coding_of(head: ResponseHead) -> str:
    """The content codings of a body, without those that leave it as it is."""
    values = [value for name, value in head.fields if name == "content-encoding"]
    return ", ".join(content_codings(", ".join(values)))


def _place_of(head: ResponseHead) -> str:
    """Where a redirect leads, without a user and a query, which may hold secrets."""
    location = dict(head.fields).get("location", "")
    return _user.sub("//", re.split("[?#]", location, maxsplit=1)[0])
