"""The options of rewriting, and the targets that they produce."""

from typing import Any

import pytest

from streamserver.proxy.origin import parse_origin
from streamserver.proxy.rewriting import Rewriting, takes_trailers
from streamserver.wire.problem import HTTPError


def rewriting(base: str = "", **options: Any) -> Rewriting:
    return Rewriting(parse_origin("http://a.example" + base), **options)


STRIPPED = {
    "/v1": "/",
    "/v1/": "/",
    "/v1/one": "/one",
    "/v1/one?q=/v1": "/one?q=/v1",
    "/v1?q": "/?q",
    "/v1//one": "//one",
    "/v1/v1": "/v1",
    "/v1/%2F..;/": "/%2F..;/",
    "*": "*",
}


@pytest.mark.parametrize(("target", "asked"), STRIPPED.items(), ids=STRIPPED)
def test_what_is_stripped(target: str, asked: str) -> None:
    assert rewriting(strip="/v1").target(target) == asked


OUTSIDE = [
    *("/", "/one", "/v", "/v12", "/v1;x", "/v1%2Fone", "/V1/one"),
    *("/%761/one", "//v1/one", "/?/v1"),
]


@pytest.mark.parametrize("target", OUTSIDE)
def test_a_target_without_the_prefix_is_a_404(target: str) -> None:
    with pytest.raises(HTTPError) as refusal:
        rewriting(strip="/v1").target(target)
    assert refusal.value.status == 404


@pytest.mark.parametrize("strip", ["v1", "v1/", "/v1/", "/"])
def test_what_cannot_be_stripped(strip: str) -> None:
    with pytest.raises(ValueError, match="begins with a slash and ends without one"):
        rewriting(strip=strip)


BEHIND_A_BASE = {
    "/": "/base/",
    "/one": "/base/one",
    "//one": "/base//one",
    "/?q": "/base/?q",
    "/one/": "/base/one/",
    "/...": "/base/...",
    "/..a/a../.a": "/base/..a/a../.a",
    "/./one": "/base/./one",
    "/one?up=/../..": "/base/one?up=/../..",
    "/%2f;x": "/base/%2f;x",
    "*": "*",
}


@pytest.mark.parametrize(("target", "asked"), BEHIND_A_BASE.items(), ids=BEHIND_A_BASE)
def test_a_base_is_put_before_the_target(target: str, asked: str) -> None:
    """Byte for byte, and with neither one slash more nor one less between them."""
    assert rewriting("/base/").target(target) == asked


UPWARDS = [
    *("/..", "/../", "/../one", "/one/../..", "/..?q", "//..", "/one/.."),
    *("/%2e%2e/one", "/%2E./one", "/.%2e", "/%2e%2E?q"),
    *("/..%2fone", "/..%2Fone", "/one%2f..", "/one%2F%2e%2e%2Fone"),
    *("/..\\one", "/one\\..\\..", "/..%5cone", "/one%5C..", "/%5c%2e%2e%5C"),
    *("/..;/one", "/..;x=y/one", "/..%3b/one", "/..;"),
]


@pytest.mark.parametrize("target", UPWARDS)
def test_a_base_is_never_left(target: str) -> None:
    """In any spelling of ".."."""
    with pytest.raises(HTTPError) as refusal:
        rewriting("/base").target(target)
    assert refusal.value.status == 400


@pytest.mark.parametrize("target", UPWARDS)
def test_without_a_base_there_is_nothing_to_leave(target: str) -> None:
    assert rewriting().target(target) == target


def test_strip_and_base_together() -> None:
    both = rewriting("/base", strip="/v1")
    assert both.target("/v1/one?q") == "/base/one?q"
    assert both.target("/v1") == "/base/"
    with pytest.raises(HTTPError, match="400"):
        both.target("/v1/../one")


NAMES_REFUSED = [
    *("", "X Y", "X:", "X\r\nY", "X\0", "\u00e4"),
    *("Host", "Content-Length", "Transfer-Encoding", "Connection", "Expect", "TE", "Upgrade"),
]


@pytest.mark.parametrize("name", NAMES_REFUSED)
def test_fields_that_cannot_be_injected(name: str) -> None:
    """They would break the message, or are the relay's, as the framing is."""
    with pytest.raises(ValueError, match="cannot be injected") as refusal:
        rewriting(inject={name: "s3cret"})
    assert "s3cret" not in str(refusal.value)


VALUES_REFUSED = [
    *("s3cret\r\nX: y", "s3cret\n", "s3cret\r", "s3cret\0", "s3cret\x7f", "s3cret\x0b"),
    *("s3cret\u00e4", "s3cret\u20ac", " s3cret", "s3cret\t", ""),
]


@pytest.mark.parametrize("value", VALUES_REFUSED, ids=ascii)
def test_values_that_cannot_be_injected(value: str) -> None:
    """The error names the field, and does not repeat the value, which may be a key."""
    with pytest.raises(ValueError, match=r"as authorization .* one line of printable") as refusal:
        rewriting(inject={"Authorization": value})
    assert "s3cret" not in str(refusal.value)


@pytest.mark.parametrize("name", ["X Y", "X:", ""])
def test_fields_that_cannot_be_dropped(name: str) -> None:
    """No field can have such a name."""
    with pytest.raises(ValueError, match="dropped"):
        rewriting(drop=[name])


def test_modes_have_names() -> None:
    with pytest.raises(ValueError, match="one of replace, append, off, not 'on'"):
        rewriting(forwarded="on")


TE = {
    "trailers": True,
    "Trailers": True,
    "gzip, trailers": True,
    "gzip;q=0.5,\ttrailers ": True,
    "trailers;q=0.5": True,
    "": False,
    "gzip": False,
    "x-trailers, trailer": False,
    '"trailers"': False,
}


@pytest.mark.parametrize(("te", "welcome"), TE.items(), ids=ascii)
def test_whether_trailers_are_accepted(te: str, welcome: bool) -> None:
    assert takes_trailers(te) is welcome
