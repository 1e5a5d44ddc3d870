"""``HTTPError``: an exception that becomes an error response, a problem document (RFC 9457)."""

from collections.abc import Mapping
from http import HTTPStatus

from streamserver.wire.fields import field_value
from streamserver.wire.json_text import to_json

_PHRASES = {status.value: status.phrase for status in HTTPStatus} | {
    413: "Content Too Large",  # as in RFC 9110; Python has these from 3.13 on
    414: "URI Too Long",
    416: "Range Not Satisfiable",
    422: "Unprocessable Content",
}
CONTENT_TYPE = "application/problem+json"


def reason_phrase(status: int) -> str:
    """The registered phrase of a status code, or an empty one (RFC 9112, section 4)."""
    return _PHRASES.get(status, "")


class HTTPError(Exception):
    """Raise it to respond with an error: ``raise HTTPError(404, "no such job")``.

    ``status`` is 400 to 599 (ValueError otherwise). ``detail`` is sent to the client, so it must
    not contain a secret. ``headers`` are added to the response, for example ``Retry-After``.
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
        problem = {"title": reason_phrase(self.status) or "Error", "status": self.status}
        detail = {"detail": self.detail} if self.detail else {}
        text = to_json(problem | detail | self.members)
        return text.encode(errors="replace") + b"\n"
