"""The preflight: when a browser sends it, and what it asks."""

import pytest

from streamserver.lab.client.request import RequestSpec
from streamserver.lab.inspect.preflight import preflight_of

ORIGIN = "https://app.example"


@pytest.mark.parametrize(
    ("method", "fields", "names"),
    [
        ("GET", {}, None),
        ("HEAD", {}, None),
        ("POST", {}, None),
        ("PUT", {}, ""),
        ("DELETE", {"x-a": "1"}, "x-a"),
        ("GET", {"Accept": "text/event-stream", "Accept-Language": "de"}, None),
        ("GET", {"Accept": "(a)"}, "accept"),
        ("GET", {"Accept": "a" * 129}, "accept"),
        ("POST", {"Content-Type": "text/plain; charset=utf-8"}, None),
        ("POST", {"Content-Type": "application/json"}, "content-type"),
        ("GET", {"Authorization": "Bearer x", "X-B": "1", "x-a": "2"}, "authorization,x-a,x-b"),
        ("GET", {"Last-Event-ID": "3"}, None),
        ("GET", {"Cookie": "a=b", "User-Agent": "x", "Sec-Fetch-Mode": "cors"}, None),
        ("GET", {"Accept-Encoding": "gzip", "Host": "a"}, None),
        ("GET", {"Cache-Control": "no-cache"}, "cache-control"),
    ],
)
def test_when_and_for_what(method: str, fields: dict[str, str], names: str | None) -> None:
    preflight = preflight_of(RequestSpec("http://a/b", method, tuple(fields.items())), ORIGIN)
    if names is None:
        assert preflight is None
        return
    assert preflight is not None
    assert (preflight.url, preflight.method, preflight.body) == ("http://a/b", "OPTIONS", b"")
    asked = dict(preflight.fields)
    assert asked.pop("origin") == ORIGIN
    assert asked.pop("access-control-request-method") == method
    assert asked.pop("access-control-request-headers", "") == names
    assert not asked
