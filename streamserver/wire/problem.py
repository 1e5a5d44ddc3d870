"""The one error that is also an answer.

Whoever refuses a request, be it the head reader, a decoder, the engine or a handler,
knows best which status the refusal deserves and what the client should hear. So one
exception serves every room: it carries the status, a sentence for people and members
for programs, and renders itself as a problem document (RFC 9457).
"""

import json
from collections.abc import Mapping
from http import HTTPStatus

from streamserver.wire.fields import field_value

_PHRASES = {status.value: status.phrase for status in HTTPStatus} | {
    413: "Content Too Large",  # RFC 9110's words, which http has from Python 3.13 on
    414: "URI Too Long",
    416: "Range Not Satisfiable",
    422: "Unprocessable Content",
}
CONTENT_TYPE = "application/problem+json"


def reason_phrase(status: int) -> str:
    """The registered phrase of a status code, or an empty one (RFC 9112, section 4)."""
    return _PHRASES.get(status, "")


class HTTPError(Exception):
    """Raise it to answer with an error: ``raise HTTPError(404, "no such job")``.

    ``status`` is 400 to 599 (ValueError otherwise). ``detail`` is told to the client, so
    it must hold no secret. ``headers`` go with the answer, for example ``Retry-After``.
    Further keyword arguments become members of the problem document (RFC 9457, section 3.2).
    """

    def __init__(
        self,
        status: int,
        detail: str = "",
        *,
        headers: Mapping[str, str] | None = None,
        **members: object,
    ) -> None:
        if not isinstance(status, int) or not 400 <= status <= 599:
            raise ValueError(f"an HTTPError's status is 400 to 599, not {status!r}")
        super().__init__(f"{status} {reason_phrase(status)}: {detail}")
        self.status = status
        self.detail = detail
        self.headers = {name: field_value(name, value) for name, value in (headers or {}).items()}
        self.members = members

    def body(self) -> bytes:
        """The problem document, as UTF-8 JSON (RFC 9457, section 3)."""
        problem: dict[str, object] = {
            "title": reason_phrase(self.status) or "Error",
            "status": self.status,
        }
        if self.detail:
            problem["detail"] = self.detail
        problem.update(self.members)
        return json.dumps(problem, ensure_ascii=False).encode(errors="replace") + b"\n"
