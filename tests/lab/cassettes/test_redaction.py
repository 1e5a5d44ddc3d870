"""Names of secrets, redaction of targets and fields, and secrets that a body repeats."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamserver.lab.cassettes.redaction import (
    MAX_SECRETS,
    REDACTED,
    Mask,
    redact_fields,
    redact_target,
    secret_values,
)
from streamserver.lab.cassettes.secret_names import is_secret
from support.cutting import cut, in_pieces

SECRET = "s3cr3t-0123456789"


@pytest.mark.parametrize(
    "name",
    [
        *("authorization", "proxy-authorization", "cookie", "set-cookie", "set-cookie2"),
        *("x-api-key", "api-key", "apikey", "x-goog-api-key", "ocp-apim-subscription-key"),
        *("x-auth-token", "x-amz-security-token", "x-csrf-token", "x-session-id", "x-secret"),
        *("key", "api_key", "API_KEY", "apiKey", "ApiKey", "token", "access_token", "accessToken"),
        *("id_token", "client_secret", "password", "pwd", "sig", "X-Amz-Signature", "signature"),
        *("X-Amz-Credential", "user[password]", "auth", "jsessionid", "sid", "jwt"),
        *("refresh_token", "refreshToken", "RefreshToken", "refreshtoken", "REFRESH-TOKEN"),
        *("APIKey", "myAPIKey", "JWTToken", "clientsecret", "privateKey", "db.password", "secrets"),
    ],
)
def test_names_of_secrets(name: str) -> None:
    assert is_secret(name)


@pytest.mark.parametrize(
    "name",
    [
        *("accept", "host", "content-type", "max_tokens", "monkey", "keyboard", "keep-alive"),
        *(
            "x-ratelimit-remaining-tokens",
            "www-authenticate",
            "author",
            "design",
            "tokens_per_second",
        ),
        *("token_type", "tokenType", "promptTokenCount", "token-count", "session_expires_at"),
        *("first_token_delay", "X-Lab-First-Token-Delay"),
        *("turkey", "stoken", "inside", "cookies-are-nice-2", "last-event-id", "access-control"),
    ],
)
def test_other_names(name: str) -> None:
    assert not is_secret(name)


@pytest.mark.parametrize(
    ("target", "redacted"),
    [
        ("/", "/"),
        ("/v1?key=a", "/v1?key=REDACTED"),
        ("/v1?key=", "/v1?key=REDACTED"),
        ("/v1?a=1&api_key=a&b=2", "/v1?a=1&api_key=REDACTED&b=2"),
        ("/v1?token=a&token=b#c", "/v1?token=REDACTED&token=REDACTED#c"),
        ("/v1?key=a;b'c\"d=e?f&g=h", "/v1?key=REDACTED&g=h"),
        ("/v1?a=1;key=b", "/v1?a=1;key=REDACTED"),
        ("/v1?k%65y=a", "/v1?k%65y=REDACTED"),
        ("/v1;jsessionid=a?b=c", "/v1;jsessionid=REDACTED"),
        ("/v1?max_tokens=7&key", "/v1?max_tokens=7&key"),
        ("/key=a", "/key=a"),
    ],
)
def test_a_target(target: str, redacted: str) -> None:
    assert redact_target(target) == redacted
    assert redact_target(redacted) == redacted


def test_fields() -> None:
    fields = [
        ("authorization", f"Bearer {SECRET}"),
        ("set-cookie", f"a={SECRET}; HttpOnly"),
        ("location", f"https://user:{SECRET}@host/a?b=1&token={SECRET}&c=2"),
        ("link", f'<https://host/?access_token={SECRET}>; rel="next"'),
        ("referer", f"https://host/?key={SECRET}"),
        ("x-plain", "a=1; b=2"),
    ]
    assert redact_fields(fields) == [
        ("authorization", REDACTED),
        ("set-cookie", REDACTED),
        ("location", "https://REDACTED@host/a?b=1&token=REDACTED&c=2"),
        ("link", '<https://host/?access_token=REDACTED>; rel="next"'),
        ("referer", "https://host/?key=REDACTED"),
        ("x-plain", "a=1; b=2"),
    ]


@pytest.mark.parametrize(
    ("fields", "target", "secrets"),
    [
        ([("authorization", f"Bearer {SECRET}")], "/", {SECRET}),
        ([("authorization", SECRET)], "/", {SECRET}),
        ([("authorization", f'Digest u="{SECRET}", n="x"')], "/", {SECRET}),
        ([("x-api-key", "any")], "/", set()),
        ([("x-api-key", REDACTED)], "/", set()),
        ([("cookie", f"sessionid={SECRET}; theme=dark; other={SECRET}2")], "/", None),
        ([("set-cookie", f"sessionid={SECRET}; HttpOnly; SameSite=Strict")], "/", {SECRET}),
        ([("accept", SECRET)], f"/?q={SECRET}", set()),
        ([], "/?key=a%2Fb%2Fc%2Fd+e", {"a%2Fb%2Fc%2Fd+e", "a/b/c/d+e", "a/b/c/d e"}),
    ],
)
def test_secrets_that_a_body_may_repeat(
    fields: list[tuple[str, str]], target: str, secrets: set[str] | None
) -> None:
    expected = {SECRET, f"{SECRET}2"} if secrets is None else secrets
    assert secret_values(fields, target) == {secret.encode() for secret in expected}


@given(
    st.lists(st.sampled_from([b"secret-1", b"secret-1-longer", b"sec", b"ret-1", b"\xff"])),
    st.sets(st.integers(1, 60)),
    st.integers(1, 5),
)
def test_a_mask_overwrites_a_secret_however_it_is_cut(
    words: list[bytes], places: set[int], at_once: int
) -> None:
    whole = b"".join(words)
    pieces = cut(whole, {place for place in places if place < len(whole)})
    mask, clean = Mask(), []
    mask.add({b"secret-1"})
    mask.add({b"secret-1-longer"})
    for start in range(0, len(pieces), at_once):
        clean += mask.feed(pieces[start : start + at_once])
    clean += mask.feed([], is_last=True)
    assert list(map(len, clean)) == list(map(len, pieces))
    masked = b"".join(clean)
    assert b"secret-1" not in masked
    for before, after in zip(whole, masked, strict=True):
        assert after in (before, ord("*"))
    if b"secret-1" not in whole:
        assert masked == whole


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8])
def test_a_mask_that_is_fed_small_pieces(size: int) -> None:
    mask, clean = Mask(), []
    mask.add({b"secret-1"})
    for piece in in_pieces(b"...secret-1...", size):
        clean += mask.feed([piece])
    clean += mask.feed([], is_last=True)
    assert b"".join(clean) == b"...********..."


def test_a_mask_with_too_many_secrets_looks_for_the_longest() -> None:
    mask = Mask()
    mask.add({b"x" * 100 + b"%d" % number for number in range(MAX_SECRETS)})
    mask.add({b"secret-1"})
    assert mask.apply([b"secret-1, " + b"x" * 100 + b"7"]) == [b"secret-1, " + b"*" * 101]


def test_hostile_fields_take_linear_time() -> None:
    """In quadratic time each would take minutes."""
    many = 300_000
    for value in ("a" * many + "@", "?" * many + "="):
        assert redact_fields([("x", value)]) == [("x", value)]
    for value in ("a://" * many + "b@", "?key=" * many, "&key=a" * many):
        assert REDACTED in redact_fields([("x", value)])[0][1]
    assert redact_target("/" + "&key=a" * many) == "/" + f"&key={REDACTED}" * many


def test_a_mask_holds_back_only_possible_beginnings() -> None:
    mask = Mask()
    assert mask.feed([b"a"]) == [b"a"]
    mask.add({b"secret-1"})
    assert mask.feed([b"1", b"2345", b"6", b"78"]) == [b"1"]
    assert mask.feed([b"90123456"]) == [b"2345", b"6", b"78"]
    assert mask.feed([], is_last=True) == [b"90123456"]


SPELLINGS = {
    "plain": (b"abcdefgh", [b"abcdefgh"]),
    "short": (b"abcdefg", []),
    "in a form": (b"a%22b%5Ccdef", [b"a%22b%5Ccdef", b'a"b\\cdef', b'a\\"b\\\\cdef']),
    "in JSON": (rb"a\"bcdefg", [rb"a\"bcdefg", b'a"bcdefg', rb"a\\\"bcdefg"]),
    "in UTF-8": ("äbcdefgh".encode(), ["äbcdefgh".encode(), rb"\u00e4bcdefgh"]),
    "in Latin-1": (b"\xe4bcdefgh", [b"\xe4bcdefgh"]),
}


@pytest.mark.parametrize(("value", "spelled"), SPELLINGS.values(), ids=SPELLINGS)
def test_spellings_of_a_secret(value: bytes, spelled: list[bytes]) -> None:
    """A service may repeat it as it is, decoded, or in a JSON string."""
    assert secret_values([], others=[value]) == set(spelled)
