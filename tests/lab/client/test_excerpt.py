"""The line of a failed response that a report shows, without secrets."""

import json

import pytest

from lab.client.conftest import Measure
from streamserver.lab.client.excerpt import KEPT, LENGTH, Secrets
from streamserver.lab.client.request import RequestSpec
from streamserver.wire.chunked import LAST_CHUNK, encode
from support.rawserver import RawServer

KEY = "do-not-show-0123456789"
SECRETS = Secrets(
    [("Authorization", f"Bearer {KEY}"), ("X-Plain", "may be shown")],
    "/v1?api_key=query%2Fsecret&page=2&page-token=0123456789",
    b'{"password": "hunter2hunter2", "model": "small"}',
)


@pytest.mark.parametrize(
    ("body", "line"),
    [
        (b"", ""),
        (b"\r\n  \r\nupstream is down\r\nmore", "upstream is down"),
        (b'{\n  "error": {\n    "message": "no"\n  }\n}\n', '{ "error": { "message": "no" } }'),
        (b"<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>",
         "<head><title>502 Bad Gateway</title></head>"),
        (b"<html>\n<body>\n</body>", "<html>"),
        (b"\xff\xfe", "\ufffd\ufffd"),
        (b"x" * LENGTH, "x" * LENGTH),
        (b"x" * (LENGTH + 1), "x" * (LENGTH - 3) + "..."),
        # Secrets of the request.
        (f"wrong key {KEY}!".encode(), f"wrong key {'*' * len(KEY)}!"),
        (b"may be shown on page 2 of small", "may be shown on page 2 of small"),
        (b"not query%2Fsecret nor query/secret", "not ************** nor ************"),
        (b"hunter2hunter2 is too short", "************** is too short"),
        # Values that the body names as secrets.
        (b'{"api_key":"a","code":1}', '{"api_key":"REDACTED","code":1}'),
        (b'{"session": 7, "max_tokens": 5}', '{"session": REDACTED, "max_tokens": 5}'),
        (b'{"accessToken":"a\\"b", "ok":true}', '{"accessToken":"REDACTED", "ok":true}'),
        (b'{"password"' + b" " * 99 + b":" + b"\t" * 99 + b'"a"}', '{"password" : "REDACTED"}'),
        (b"password" + b"\t" * 20 + b"=" + b"\t" * 20 + b"a",
         "password" + "\t" * 20 + "=" + "\t" * 20 + "REDACTED"),
        (b"password=a&user=b", "password=REDACTED&user=b"),
        (b"'secret': 'a b', 'c': 'd'", "'secret': 'REDACTED', 'c': 'd'"),
        (b"Authorization: Bearer abc.def", "Authorization: REDACTED"),
        (b"got Bearer abcdefgh in vain", "got Bearer REDACTED in vain"),
        (b"a bearer of bad news", "a bearer of bad news"),
        (b'{"message":"no sk-abcdefgh1234 here"}', '{"message":"no REDACTED here"}'),
        (b"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln is old", "REDACTED is old"),
        (b"see https://user:pw@host/?token=abc&x=1",
         "see https://REDACTED@host/?token=REDACTED&x=1"),
    ],
)  # fmt: skip
def test_the_excerpt(body: bytes, line: str) -> None:
    assert SECRETS.excerpt(body) == line


@pytest.mark.parametrize("at", range(KEPT - 40, KEPT + 1, 5))
def test_a_secret_that_the_limit_cuts_is_not_shown_in_part(at: int) -> None:
    lines = b"\n" * (at - 40) + b"-" * 40 + KEY.encode()
    assert SECRETS.excerpt(lines[:KEPT]).strip("-*") == ""


MULTIPART = b"""--x\r
Content-Disposition: form-data; name="password"\r
\r
hunter2hunter2\r
--x--\r
"""


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("multipart/form-data; boundary=x", MULTIPART),
        ("application/x-www-form-urlencoded", b"a=b&password=hunter2hunter2"),
        ("text/plain", b"a=b&password=hunter2hunter2"),
        ("application/json", b'{"a": [{"password": "hunter2hunter2"}]}'),
    ],
)
def test_secrets_are_found_in_a_body_of_any_type(content_type: str, body: bytes) -> None:
    secrets = Secrets([("Content-Type", content_type)], "/", body)
    assert secrets.excerpt(b"no hunter2hunter2 here") == "no ************** here"


def test_secrets_are_removed_from_details() -> None:
    assert SECRETS.remove(f"in band: {KEY}\ud800, token: 1") == (
        f"in band: {'*' * len(KEY)}\ud800, token: REDACTED"
    )


def response(status: int, body: bytes, *fields: str) -> bytes:
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}", *fields]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


LARGE = b"down " + b"x" * 100_000


@pytest.mark.parametrize(
    ("bytes_in", "answer"),
    [
        (response(200, b"fine"), ""),
        (response(206, b"fine"), ""),
        (response(503, b"busy, they say: " + KEY.encode()), f"busy, they say: {'*' * len(KEY)}"),
        (response(302, b"over there", "Location: /x"), "over there"),
        (response(400, b"Content-Type: gzip", "Content-Encoding: gzip"), ""),
        (b"HTTP/1.1 500 X\r\nTransfer-Encoding: chunked\r\n\r\n"
         + b"".join([encode(bytes([one])) for one in b"in\npieces"]) + LAST_CHUNK, "in"),
        (response(500, LARGE), LARGE[: LENGTH - 3].decode() + "..."),
        (response(500, b"x" * 9)[:-4], "xxxxx"),  # truncated
        (response(429, json.dumps({"error": {"message": "slow down"}}).encode(),
                  "Content-Type: text/event-stream"), '{"error": {"message": "slow down"}}'),
    ],
    ids=range(9),
)  # fmt: skip
async def test_a_record_has_the_excerpt_of_a_failed_response(
    measure: Measure, upstream: RawServer, bytes_in: bytes, answer: str
) -> None:
    spec = RequestSpec(upstream.url, fields=(("authorization", f"Bearer {KEY}"),))
    async with measure(spec) as measuring:
        await measuring.connection.send(bytes_in)
        measuring.connection.end()
        record = await measuring.record()
    assert record.answer == answer
