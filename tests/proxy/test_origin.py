"""The addresses of upstreams, read from URLs."""

import re
import ssl
import traceback

import pytest

from streamserver.proxy.origin import FORMS, Origin, client_context, parse_origin

PLAIN = {
    "http://127.0.0.1": Origin("127.0.0.1", "", "127.0.0.1", 80),
    "http://127.0.0.1:8080": Origin("127.0.0.1:8080", "", "127.0.0.1", 8080),
    "http://a.example/": Origin("a.example", "", "a.example", 80),
    "http://a.example/v1": Origin("a.example", "/v1", "a.example", 80),
    "http://a.example/v1/": Origin("a.example", "/v1", "a.example", 80),
    "http://a.example/%2f/;x": Origin("a.example", "/%2f/;x", "a.example", 80),
    "http://a.example//v1": Origin("a.example", "//v1", "a.example", 80),
    "http://a.example/@scope": Origin("a.example", "/@scope", "a.example", 80),
    "HTTP://A.example:80": Origin("A.example:80", "", "a.example", 80),
    "http://[::1]:8080/v1": Origin("[::1]:8080", "/v1", "::1", 8080),
    "unix:/run/app.sock": Origin("localhost", "", socket_path="/run/app.sock"),
    "unix:/run/app.sock:/v1/": Origin("localhost", "/v1", socket_path="/run/app.sock"),
}


@pytest.mark.parametrize(("url", "origin"), PLAIN.items(), ids=PLAIN)
def test_an_origin_is_read_from_a_url(url: str, origin: Origin) -> None:
    assert parse_origin(url) == origin


REFUSED = {
    "nothing": "",
    "no scheme": "a.example:80",
    "another scheme": "ftp://a.example",
    "a WebSocket": "ws://a.example",
    "no host": "http://",
    "no host but a port": "http://:80",
    "a path alone": "/v1",
    "a port in words": "http://a.example:http",
    "a port too large": "http://a.example:65536",
    "a negative port": "http://a.example:-1",
    "an unfinished IPv6 address": "http://[::1",
    "no IPv6 address": "http://[a.example]",
    "a space in the host": "http://a b.example",
    "a quote in the host": 'http://a".example',
    "a host that is not ASCII": "http://\u00e4.example",
    "a user name": "http://user@a.example",
    "a query": "http://a.example/v1?x=y",
    "a fragment": "http://a.example/v1#x",
    "a space in the path": "http://a.example/v 1",
    "a path that is not ASCII": "http://a.example/\u00e4",
    "a relative unix socket": "unix:run/app.sock",
    "no unix socket": "unix:",
    "a relative base behind a unix socket": "unix:/run/app.sock:v1",
    "a query behind a unix socket": "unix:/run/app.sock:/v1?x=y",
    "a fragment behind a unix socket": "unix:/run/app.sock:/v1#x",
}


@pytest.mark.parametrize("url", REFUSED.values(), ids=REFUSED)
def test_what_is_no_upstream(url: str) -> None:
    """Each refusal names the allowed forms."""
    with pytest.raises(ValueError, match=re.escape(FORMS)):
        parse_origin(url)


WITH_PASSWORDS = {
    "sound otherwise": "http://user:s3cret@a.example",
    "TLS": "https://user:s3cret@a.example/v1",
    "the user is the secret": "http://s3cret@a.example",
    "no host": "http://user:s3cret@",
    "another scheme": "ftp://user:s3cret@a.example",
    "no scheme": "//user:s3cret@a.example",
    "a wrong port": "http://user:s3cret@a.example:http",
    "a port too large": "http://user:s3cret@a.example:65536",
    "a wrong address": "http://user:s3cret@[::1",
    "a bracket in it": "http://user:[s3cret@a.example",
    "a slash in it": "http://user:x/s3cret@a.example",
    "a question mark in it": "http://user:x?s3cret@a.example",
    "a hash in it": "http://user:x#s3cret@a.example",
    "a port that begins it": "http://user:s3cret/x@a.example",
    "with a query": "http://user:s3cret@a.example?x",
}


@pytest.mark.parametrize("url", WITH_PASSWORDS.values(), ids=WITH_PASSWORDS)
def test_a_password_is_never_repeated(url: str) -> None:
    """Neither in the error nor in its cause, which a traceback shows."""
    with pytest.raises(ValueError, match=re.escape(FORMS)) as refusal:
        parse_origin(url)
    assert "s3cret" not in "".join(traceback.format_exception(refusal.value))


def test_https_verifies_and_negotiates_http_1() -> None:
    origin = parse_origin("https://a.example/v1")
    assert (origin.host, origin.port, origin.base) == ("a.example", 443, "/v1")
    assert origin.tls is not None
    assert origin.tls.check_hostname
    assert origin.tls.verify_mode is ssl.CERT_REQUIRED


def test_a_given_tls_context_is_used() -> None:
    own = client_context()
    assert parse_origin("https://a.example:8443", own).tls is own
    assert parse_origin("http://a.example", own).tls is None


def test_no_key_is_shown() -> None:
    assert "tls" not in repr(parse_origin("https://a.example"))
