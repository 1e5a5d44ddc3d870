"""CORS: each fault for which a browser withholds the response from a page."""

from typing import Any

import pytest

from streamserver.lab.inspect.evidence import Evidence
from streamserver.lab.inspect.recording import Message
from streamserver.lab.inspect.verdict import Finding
from streamserver.lab.inspect.verdicts.cors import judge_cors
from support.inspected import message, no_response

ORIGIN = "https://app.example"
ALLOWED = ("access-control-allow-origin", ORIGIN)
VARY = ("vary", "Accept-Encoding, origin")
ANY = ("access-control-allow-origin", "*")
COOKIE = b"GET / HTTP/1.1\r\ncookie: a=b\r\n\r\n"
CREDENTIALS = ("access-control-allow-credentials", "true")


def judged(cross: Message, main: Message | None = None, **more: Any) -> Finding:
    return judge_cors(Evidence(main or message(), origin=ORIGIN, cross_origin=cross, **more))


@pytest.mark.parametrize(
    "cross",
    [
        message([], ANY),
        message([], ALLOWED, VARY),
        message([], ALLOWED, ("vary", "*")),
        message([], ALLOWED, ("cache-control", "no-store")),
        message([], ALLOWED, VARY, CREDENTIALS, request=COOKIE),
        message([], ANY, CREDENTIALS),
    ],
)
def test_a_page_may_read_it(cross: Message) -> None:
    verdict = judged(cross)
    assert verdict.status == "ok"
    assert "Access-Control-Allow-Origin is" in verdict.evidence


@pytest.mark.parametrize(
    ("cross", "seen"),
    [
        (message(), "Access-Control-Allow-Origin is missing"),
        (message([], ("access-control-allow-origin", "null")), "is null, not https://app.example"),
        (message([], ALLOWED, VARY, ANY), "Access-Control-Allow-Origin is given twice"),
        (message([], ALLOWED), "Vary does not list Origin"),
        (message([], ALLOWED, ("vary", "accept")), "Vary does not list Origin"),
        (message([], ANY, request=COOKIE), "is *, which excludes cookies"),
        (message([], ALLOWED, VARY, request=COOKIE), "Allow-Credentials is not true"),
        (message([], ALLOWED, VARY, status=403), "with Origin got a 403, without it a 200"),
        (message([], ("access-control-allow-origin", ORIGIN + "/"), VARY), "/, not https://app"),
    ],
)
def test_a_page_may_not_read_it(cross: Message, seen: str) -> None:
    verdict = judged(cross)
    assert verdict.status == "wrong"
    assert seen in verdict.evidence
    assert ORIGIN in verdict.remedies[0].change


def test_a_field_that_does_not_depend_on_the_origin_needs_no_vary() -> None:
    assert judged(message([], ALLOWED), message([], ALLOWED)).status == "ok"


def test_one_response_does_not_show_what_depends_on_the_origin() -> None:
    main = message([], ALLOWED)
    assert judged(main, main, may_repeat=False).status == "ok"


def preflight(*fields: tuple[str, str], status: int = 204, method: str = "GET") -> Message:
    asked = (
        f"OPTIONS / HTTP/1.1\r\norigin: {ORIGIN}\r\naccess-control-request-method: {method}\r\n"
        "access-control-request-headers: authorization,x-a\r\n\r\n"
    )
    return message([], *fields, status=status, request=asked.encode())


def headers(value: str) -> tuple[str, str]:
    return ("access-control-allow-headers", value)


def methods(value: str) -> tuple[str, str]:
    return ("access-control-allow-methods", value)


@pytest.mark.parametrize(
    ("answer", "seen"),
    [
        (preflight(ANY, headers("X-A, Authorization")), ""),
        (preflight(ANY, headers("*, authorization")), ""),
        (preflight(ANY, headers("*")), "Access-Control-Allow-Headers does not list authorization"),
        (preflight(ANY), "does not list x-a"),
        (preflight(headers("x-a, authorization")), "to the preflight, Access-Control-Allow-Origin"),
        (preflight(status=405), "the preflight (OPTIONS) got 405, not 200 to 299"),
        (preflight(status=301), "the preflight (OPTIONS) got 301"),
        (no_response("timeout"), "the preflight (OPTIONS) got no response"),
        (preflight(ANY, headers("*,authorization"), method="PUT"), "Methods does not list PUT"),
        (preflight(ANY, headers("*,authorization"), methods("*"), method="PUT"), ""),
        (preflight(ANY, headers("*,authorization"), methods("GET, PUT"), method="PUT"), ""),
    ],
)
def test_a_preflight(answer: Message, seen: str) -> None:
    verdict = judged(message([], ANY), preflight=answer)
    assert verdict.status == ("wrong" if seen else "ok")
    assert seen in verdict.evidence


def test_without_an_origin_it_is_not_asked() -> None:
    verdict = judge_cors(Evidence(message()))
    assert (verdict.status, "--origin" in verdict.evidence) == ("not asked", True)
    assert judged(no_response("timeout")).status == "not seen"
