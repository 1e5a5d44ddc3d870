"""The limits of a request head and its target; reading them takes linear time."""

from contextlib import suppress

import pytest

from streamserver.wire.problem import HTTPError
from streamserver.wire.request_heads import RequestHead, read_request_head
from support.request_heads import LIMIT, A, read
from support.requests import request


def sized(head: int = 0, target: int = 1) -> bytes:
    """A head of so many bytes, its empty line not counted, with a target of so many."""
    start = b"GET /%b HTTP/1.1\r\nHost: a\r\nX: " % (b"t" * (target - 1))
    return start + b"x" * (head - len(start)) + b"\r\n\r\n"


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (sized(head=200), None),
        (sized(head=201), 431),
        (sized(head=1000), 431),
        (sized(target=100), None),
        (sized(target=101), 414),
        (sized(target=100, head=201), 431),
        (sized(target=101, head=201), 414),
        (sized(target=1000), 414),
        (b"GET /" + b"t" * 500, 414),
        (b"GET / HTTP/1.1\r\nX: " + b"x" * 500, 431),
        (b"GET / HTTP/1.1\r\n" + b"X: x\r\n" * 500, 431),
        (b"G" * 500, 414),
    ],
)
def test_limits(data: bytes, status: int | None) -> None:
    """431 for a head, and 414 for a target, of one byte more than the limit."""
    meaning = read(data, max_head=200, max_target=100)
    assert meaning == status or (status is None and isinstance(meaning, RequestHead))
    for end in range(len(data)):
        assert read(data[:end], max_head=200, max_target=100) in (None, status), end


def test_the_limit_applies_to_the_absolute_form() -> None:
    data = request(b"GET http://a/%b HTTP/1.1" % (b"t" * 100), b"Host: a")
    assert read(data, max_target=109) == RequestHead("GET", "/" + "t" * 100, 1, A)
    assert read(data, max_target=108) == 414


MANY = 300_000


@pytest.mark.timeout(15)
@pytest.mark.parametrize(
    "fields",
    [
        [b"X: " + b"y" * MANY],
        [b"X: " + b"y" * MANY + b"\x01"],
        [b"X: " + b" \t" * MANY],
        [b"X: " + b" \t" * MANY + b"\x01"],
        [b"X: " + b" \t" * MANY + b"\xe9"],
        [b"X: y" + b" " * MANY + b"\xe9" + b" " * MANY],
        [b"X: " + b"y " * MANY + b"\xe9"],
        [b"X" * MANY + b"\xe9: y"],
        [b"X: y"] * (MANY // 20),
        [*[b"X: y "] * (MANY // 20), b"X\xe9: y"],
        [b"Connection: " + b", " * MANY],
        [b"Connection: " + b'"\\' * MANY],
        [*[b"Connection: a"] * 1000],
        [b"Content-Length: " + b"1" * MANY],
        [b"Content-Length: 1"] * (MANY // 20),
        [b"Host: " + b"a." * MANY],
        [b"Host: " + b"%20" * MANY + b"%"],
        [b"Host: [" + b":" * MANY + b"]"],
    ],
    ids=range(18),
)
def test_a_head_is_read_in_linear_time(fields: list[bytes]) -> None:
    """With quadratic time this test would not finish."""
    with suppress(HTTPError):
        read_request_head(request(b"GET / HTTP/1.1", b"Host: a", *fields), 1 << 24, LIMIT)
    with suppress(HTTPError):
        read_request_head(request(b"GET / HTTP/1.1", *fields)[:-4], 1 << 24, LIMIT)
