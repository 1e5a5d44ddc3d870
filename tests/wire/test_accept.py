"""The preferred media type of an Accept field."""

import pytest

from streamserver.wire.accept import preferred

OFFERED = ("text/plain", "text/html", "application/json")
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("", "text/plain"),
        (" ", "text/plain"),
        ("*/*", "text/plain"),
        (BROWSER, "text/html"),
        ("application/json", "application/json"),
        ("application/json, text/plain, */*", "text/plain"),
        ("application/json, */*;q=0.9", "application/json"),
        ("text/*;q=0.5, application/json;q=0.4", "text/plain"),
        ("text/*, text/plain;q=0.1", "text/html"),
        ("TEXT/HTML ; Q=0.9 , text/plain;q=0.8", "text/html"),
        ("text/plain;q=0, */*;q=0.1", "text/html"),
        ("image/png", "text/plain"),
        ("text/html;level=1", "text/html"),
        ("text/html;q=2, application/json;q=0.9", "text/html"),
        (",;=,/", "text/plain"),
    ],
)
def test_the_kind_that_is_preferred(accept: str, kind: str) -> None:
    assert preferred(accept, OFFERED) == kind
