"""A request that was written for one replica, as another one gets it."""

import pytest

from streamserver.proxy.addressing import readdressed
from streamserver.proxy.origin import Origin, parse_origin

BODY = b"host: one:1\r\n\r\nGET /a HTTP/1.1\r\n"
"""A body may look like a head."""
FIELDS = b"accept: */*\r\nhost: one:1\r\n"


def sent(origin: Origin, target: str, body: bytes = BODY) -> bytes:
    """As the relay writes it for this origin."""
    base = "" if target == "*" else origin.base
    line = f"POST {base}{target} HTTP/1.1\r\nhost: {origin.authority}\r\n"
    return line.encode() + FIELDS + b"\r\n" + body


@pytest.mark.parametrize("target", ["/", "/a/b?c=/base", "/base", "*", "//x", "/a%20b"])
@pytest.mark.parametrize("new", ["http://two", "http://two/base", "unix:/s", "http://one:1/c"])
@pytest.mark.parametrize("old", ["http://one:1", "http://one:1/base", "unix:/other:/base"])
def test_a_readdressed_request_equals_one_written_for_the_replica(
    old: str, new: str, target: str
) -> None:
    before, after = parse_origin(old), parse_origin(new)
    request = sent(before, target)
    assert readdressed(request, before, after) == sent(after, target)
    assert readdressed(readdressed(request, before, after), after, before) == request


def test_the_clients_own_host_stays() -> None:
    request = b"GET / HTTP/1.1\r\nhost: public\r\n\r\n"
    one, two = parse_origin("http://one:1"), parse_origin("http://two:2")
    assert readdressed(request, one, two) == request


def test_a_request_for_the_same_replica_is_not_copied() -> None:
    one, other = parse_origin("unix:/a"), parse_origin("unix:/b")
    request = sent(one, "/")
    assert readdressed(request, one, other) is request
