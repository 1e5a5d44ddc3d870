"""Bearer tokens (RFC 6750): requests that must present a secret.

A token is compared with `hmac.compare_digest`, whose time does not depend on where two values
differ, and with all tokens that are accepted. Only their length can be measured.
"""

import re
from collections.abc import Awaitable, Iterable
from hmac import compare_digest

from streamserver.kit.hints import checked_handler
from streamserver.kit.request import Request
from streamserver.kit.response import Response
from streamserver.kit.service import Handler, close
from streamserver.wire.problem import HTTPError

_is_token = re.compile(r"[A-Za-z0-9._~+/-]+=*").fullmatch  # RFC 6750, section 2.1
_is_quotable = re.compile(r"[ !#-\[\]-~]*").fullmatch


def bearer(handler: Handler, tokens: str | Iterable[str], *, realm: str = "") -> Handler:
    """``handler``, but HTTPError 401 for a request without ``Authorization: Bearer TOKEN``.

        app.post("/news")(bearer(publish, os.environ["PUBLISH_TOKEN"]))

    ``tokens``: one, or several of which any is accepted, so that a new one can be introduced before
    the old one is withdrawn. ``realm`` names what is protected to the client. A preflight request
    never has a token, so ``cors`` goes around this, and must allow the field to pages of other
    origins: ``cors(bearer(...), origins=..., headers="authorization")``.
    ValueError for an empty list, or for a token or realm with characters that cannot be sent; no
    error repeats a token.
    """
    accepted = [tokens] if isinstance(tokens, str) else [*tokens]
    if not accepted or not all(isinstance(each, str) and _is_token(each) for each in accepted):
        allowed = "one or more characters of A-Z a-z 0-9 . _ ~ + / - and = at the end"
        raise ValueError(f"a bearer token is {allowed}")
    if not _is_quotable(realm):
        raise ValueError(f"a realm is printable ASCII, not quotes or backslashes: {realm!r}")
    return _Bearer(handler, accepted, realm)


class _Bearer:
    __slots__ = ("_challenge", "_handler", "_tokens")

    def __init__(self, handler: Handler, tokens: Iterable[str], realm: str) -> None:
        self._handler = checked_handler(handler)
        self._tokens = [token.encode() for token in tokens]
        self._challenge = f'Bearer realm="{realm}"'

    async def aclose(self) -> None:
        await close(self._handler)

    def __call__(self, request: Request) -> Awaitable[Response]:
        values = request.headers.get_all("authorization")
        scheme, _, given = values[0].partition(" ") if len(values) == 1 else ("", "", "")
        if scheme.lower() != "bearer":
            # No error code: the client may not know that a token is needed (section 3.1).
            raise self._refused("this request needs Authorization: Bearer TOKEN", self._challenge)
        presented = given.strip(" ").encode(errors="replace")
        # All are compared: a loop that ends at the equal one would show which one it is.
        if not sum(compare_digest(presented, token) for token in self._tokens):
            challenge = f'{self._challenge}, error="invalid_token"'
            raise self._refused("the bearer token is not valid", challenge)
        return self._handler(request)

    def _refused(self, detail: str, challenge: str) -> HTTPError:
        return HTTPError(401, detail, headers={"WWW-Authenticate": challenge})
