"""Secrets in bodies are overwritten in place, however a body is cut."""

import json
import tracemalloc
from time import monotonic
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamserver.lab.cassettes.redaction import redactor_of
from streamserver.lab.cassettes.secret_names import HINTS, WORDS, is_secret, is_secret_container
from support.cutting import cut, cuts, in_pieces

JSON, NDJSON, EVENTS, FORM, TEXT = (
    [("content-type", value)]
    for value in (
        "application/json; charset=utf-8",
        "application/x-ndjson",
        "text/event-stream",
        "application/x-www-form-urlencoded",
        "text/plain",
    )
)
MULTIPART = [("content-type", 'multipart/form-data; boundary="-XX"')]


def part(head: str, content: str) -> str:
    return f"---XX\r\nContent-Disposition: form-data; {head}\r\n\r\n{content}\r\n"


# Original bodies, with each secret between « and ».
CASES = {
    "members": (JSON, '{"password":"«x»","a":"b"}'),
    "spaces": (JSON, '{\n  "api_key" :\t\n "«x»",\r\n  "a" : "b"\n}'),
    "much whitespace": (JSON, '{"key"' + " \r\n\t" * 100 + ":" + "\n" * 300 + '"«x»","a" :"b"}'),
    "much whitespace in a line": (NDJSON, '{"key"' + "\t " * 200 + ':"«x»"}\n"key"\n:"a"\n'),
    "much whitespace in an event": (EVENTS, 'data: {"key"' + " " * 300 + ': "«x»"}\n\n: c\n\n'),
    "escapes": (JSON, r'{"client_secret":"«a\"b\\\u00e9\\»","a":"\"b","access_token":"«\\»"}'),
    "an escaped name": (JSON, r'{"p\u0061ssword":"«x»","\"token":"«x»","pass\\word":"x"}'),
    "UTF-8": (JSON, '{"ä":"ö","ä-password":"«äöü»"}'),
    "nested": (JSON, '{"a":{"b":[{"refreshToken":"«x»"},"token"]},"c":["password","y"]}'),
    "names alike": (JSON, '{"Access-Token":"«x»","ACCESSTOKEN":"«x»","access.token":"«x»"}'),
    "other types": (JSON, '{"password":null,"token":true,"key":false,"secret":{},"sid":[]}'),
    "empty": (JSON, '{"password":"","a":"b"}'),
    "an array": (JSON, '{"api_key":["«x»","«y»",["«z»"]],"a":["b"]}'),
    "an object": (JSON, '{"credentials":{"a":"«x»","b":[{"c":"«y»"}],"d":{}},"a":{"b":"c"}}'),
    "an object of other things": (JSON, '{"token":{"id":7,"text":"a","key":"«x»"},"a":"b"}'),
    "objects in an array": (JSON, '{"session":[{"a":"b","password":"«x»"}],"c":"d"}'),
    "words of a model": (
        JSON,
        '{"token":"«x»","logprobs":{"content":[{"token":" a"},{"token":"b","bytes":[7]}]}}',
    ),
    "words in other lines": (EVENTS, 'data: {"logprobs":null}\n\ndata: {"token":"«x»"}\n\n'),
    "counts": (JSON, '{"promptTokenCount":7,"token_type":"bearer","max_tokens":7,"tokens":[7]}'),
    "a line feed in a document": (JSON, '{"private_key":"«-----BEGIN\nMII»","a":"b"}'),
    "NDJSON": (NDJSON, '{"password":"«x»"}\n{"password":"«x»\n{"a":"b"}\n"token"\n:1\n'),
    "a broken string in NDJSON": (
        NDJSON,
        '{"password":["«x»\n{"a":"b"}\n{"secrets":["«x»","«y»\n["b"]\n',
    ),
    "a broken array in NDJSON": (NDJSON, '{"password":["«x»",\n{"a":"b"}\n'),
    "events": (EVENTS, ': c\n\nevent: a\ndata: {"token":"«x»","a":"b"}\nid: 1\n\ndata: [DONE]\n\n'),
    "an event of several lines": (EVENTS, 'data: {"key":\r\ndata: "«x»",\r\ndata: "a":"b"}\r\n'),
    "events that are strings": (EVENTS, 'data: "password"\n\ndata: "a"\n\ndata: "key"\n\n: b\n\n'),
    "a broken array in an event": (EVENTS, 'data: {"secrets":["«x»",\n\ndata: {"a":"b"}\n\n'),
    "an array in several lines": (EVENTS, 'data: {"key":["«x»",\r\ndata: "«y»"\r\n\r\ndata: "z"'),
    "text": (TEXT, 'He said "password: and went.\n"password" is a word.\n{"password":"«x»"}'),
    "URLs in JSON": (JSON, r'{"url":"https://a/?b=1&sig=«x»","c":"d?e\u0026key=«y»\u0026f=g"}'),
    "a form": (FORM, "a=b&password=«x»&api%5Fkey=«%20y;z#\"'»&c=d&client_secret=&token=«é»"),
    "a form that begins so": (FORM, "password=«x»"),
    "a form after a line feed": (FORM, "\n password=«x»&a=b"),
    "a form without a type": ([], "a=b&password=«x»&c=d"),
    "JSON that is said to be a form": (FORM, ' \n{"password":"«x»","a":"b=1&c=2"}'),
    "JSON without a type": ([], '[{"password":"«x»"}]'),
    "multipart": (
        MULTIPART,
        part('name="a"', "b")
        + part('name="password"', "«x»\r\n---«Y»\r\n«z\0\n--»\r\r\r\n---«-»")
        + part('filename="password"; name=c', "d")
        + part("name=accessToken\r\nContent-Type: text/plain", "«x»")
        + part('name="e"\r\nContent-Type: application/json', '{"secret":"«x»","f":"g"}')
        + part('name="password"', "")
        + '---XX--\r\nContent-Disposition: form-data; name="password"\r\n\r\nnothing',
    ),
    "multipart that begins later": (MULTIPART, "\r\n" + part('name="key"', "«x»") + "---XX--"),
    "media": ([("content-type", "image/png")], '{"password":"x"}'),
    "compressed": ([*JSON, ("content-encoding", "gzip")], '{"password":"x"}'),
    "said not to be compressed": ([*JSON, ("content-encoding", "Identity")], '{"key":"«x»"}'),
}


def original(marked: str) -> bytes:
    return marked.replace("«", "").replace("»", "").encode()


def redacted(marked: str) -> bytes:
    first, *rest = marked.split("«")
    parts = [part.partition("»") for part in rest]
    return (first + "".join("*" * len(a.encode()) + b for a, _, b in parts)).encode()


@pytest.mark.parametrize(("fields", "marked"), CASES.values(), ids=CASES)
def test_secrets_are_overwritten_in_their_place(fields: list[tuple[str, str]], marked: str) -> None:
    body, expected = original(marked), redacted(marked)
    for pieces in cuts(body):
        redactor = redactor_of(fields)
        clean = [redactor.feed(piece) for piece in pieces]
        assert list(map(len, clean)) == list(map(len, pieces))
        assert b"".join(clean) == expected


_JSON_TOKENS = [
    *('"', "\\", "{", "}", "[", "]", ":", ",", "\n", "\r\n", "\n\n", " ", "12", "-3.5e1", "null"),
    *(
        '"key"',
        '"password":',
        '"credentials":{',
        '"secret":[',
        '"token":',
        '"logprobs":',
        '"a":"b"',
    ),
    *('"' + "x" * 250, '"key"' + " " * 300, "data: ", "?key=", "u0026sig=", '"p\\u0061ssword":"'),
]
TOKENS = {
    "JSON": (JSON, _JSON_TOKENS),
    "NDJSON": (NDJSON, _JSON_TOKENS),
    "events": (EVENTS, _JSON_TOKENS),
    "a form": (FORM, ["&", "=", "a", "password=", "%20", "?", ";", "key=", "\n", " "]),
    "multipart": (
        MULTIPART,
        [
            *("\r\n---XX", "\r\n", "\r", "\n", "-", "---X", "\r\n\r\n", "abc", '{"secret":"'),
            '\r\nContent-Disposition: form-data; name="password"\r\n\r\n',
            "\r\nContent-Disposition: form-data; name=a\r\nContent-Type: text/json\r\n\r\n",
        ],
    ),
}


@pytest.mark.parametrize(("fields", "tokens"), TOKENS.values(), ids=TOKENS)
@given(st.data())
def test_a_cut_changes_nothing(
    fields: list[tuple[str, str]], tokens: list[str], data: st.DataObject
) -> None:
    """Not even in malformed bodies; otherwise a replay would not find a request by its hash."""
    body = "".join(data.draw(st.lists(st.sampled_from(tokens), min_size=1))).encode()
    places = data.draw(st.sets(st.integers(0, len(body)), max_size=5))
    whole = redactor_of(fields)
    expected = whole.feed(body)
    for pieces in (cut(body, places), in_pieces(body, 1)):
        redactor = redactor_of(fields)
        assert b"".join(map(redactor.feed, pieces)) == expected
        assert redactor.values == whole.values


@pytest.mark.parametrize(
    ("value", "expected"),
    [("12034", "11111"), ("-0.5e+3", "-1.1e+1"), ("[1,20]", "[1,11]"), ("0", "1")],
)
def test_numbers_stay_numbers(value: str, expected: str) -> None:
    body = '{"password":%s,"a":20}'
    assert redactor_of(JSON).feed((body % value).encode()) == (body % expected).encode()


# Generated documents, compared with what a JSON parser finds in them

NAMES = ("a", "token", "password", "credentials", "pass\\word", '"key', "max_tokens", "ключ-secret")
strings = st.text(st.characters(codec="utf-8"), max_size=4) | st.sampled_from(["password", '":"'])
values = st.recursive(
    strings | st.integers(-50, 50) | st.none() | st.booleans(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4)
    ),
    max_leaves=12,
)


def secrets_in(value: Any, kind: str = "") -> list[str]:
    """All strings that are secret; ``kind`` of the name before the value."""
    if isinstance(value, str):
        return [value] if kind else []
    if isinstance(value, list):
        return [each for item in value for each in secrets_in(item, kind)]
    if isinstance(value, dict):
        found = []
        for name, item in value.items():
            own = ("all" if is_secret_container(name) else "one") if is_secret(name) else ""
            found += secrets_in(item, "all" if kind == "all" else own)
        return found
    return []


def texts(value: Any) -> list[str]:
    """All strings but names, in order."""
    if isinstance(value, str):
        return [value]
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [each for item in items for each in texts(item)]


@given(values, st.booleans(), st.sampled_from([None, 1]), st.sets(st.integers(1, 200)))
def test_a_redacted_document_is_still_a_document(
    value: Any, is_ascii: bool, indent: int | None, places: set[int]
) -> None:
    body = json.dumps(value, ensure_ascii=is_ascii, indent=indent).encode()
    whole = redactor_of(JSON).feed(body)
    assert len(whole) == len(body)
    redactor = redactor_of(JSON)
    pieces = cut(body, {place for place in places if place < len(body)})
    assert b"".join(map(redactor.feed, pieces)) == whole
    before, after = texts(value), texts(json.loads(whole))
    assert len(before) == len(after)
    hidden = [old for old, new in zip(before, after, strict=True) if old != new]
    assert all(set(new) == {"*"} for old, new in zip(before, after, strict=True) if old != new)
    # In an array of a name that is no container, what follows the first object is judged anew.
    assert set(secrets_before_objects(value)) - {""} <= set(hidden) | {"*" * n for n in range(99)}
    assert set(hidden) <= set(secrets_in(value))


def secrets_before_objects(value: Any) -> list[str]:
    """Strings that are secret because of the name directly before them."""
    if isinstance(value, list):
        return [each for item in value for each in secrets_before_objects(item)]
    if not isinstance(value, dict):
        return []
    own = [item for name, item in value.items() if is_secret(name) and isinstance(item, str)]
    return own + [each for item in value.values() for each in secrets_before_objects(item)]


# Hints, time and memory


def test_each_name_of_a_secret_contains_a_hint() -> None:
    for word in WORDS:
        assert any(hint in word.encode() for hint in HINTS), word


HOSTILE = {
    "quotation marks": (JSON, b'"'),
    "escapes": (JSON, b'\\"'),
    "names": (JSON, b'"key":1,'),
    "names without a colon": (JSON, b'"key" '),
    "whitespace after a name": (JSON, b'"key"' + b" " * 9999),
    "brackets": (JSON, b'{"secret":['),
    "open brackets": (JSON, b"[{"),
    "parameters": (FORM, b"&key=a"),
    "parameters of URLs": (TEXT, b"?key=a "),
    "ampersands": (FORM, b"&"),
    "long names": (FORM, b"&" + b"a" * 127),
    "parts": (MULTIPART, b"---XX\r\n\r\n\r\n"),
    "beginnings of parts": (MULTIPART, b"\r\n---X"),
    "names of parts": (MULTIPART, b'---XX\r\nContent-Disposition: a; name="' + b';name="' * 1000),
    "CRs": (MULTIPART, b"\r"),
}


@pytest.mark.parametrize(("fields", "unit"), HOSTILE.values(), ids=HOSTILE)
def test_time_is_linear(fields: list[tuple[str, str]], unit: bytes) -> None:
    """In quadratic time each would take minutes."""
    body = part('name="key"', "").encode() * (fields is MULTIPART) + unit * (300_000 // len(unit))
    begun = monotonic()
    for size in (65536, 300_000):
        redactor = redactor_of(fields)
        for piece in in_pieces(body, size):
            assert len(redactor.feed(piece)) == len(piece)
    assert monotonic() - begun < 10


def test_whitespace_after_a_name_takes_no_memory() -> None:
    redactor, space = redactor_of(JSON), b" " * 65536
    redactor.feed(b'{"password"')
    tracemalloc.start()
    for _ in range(100):
        assert redactor.feed(space) == space
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 10 * len(space)
    assert redactor.feed(b':"secret"') == b':"******"'


def test_few_and_short_values_are_listed() -> None:
    members = [f'"key":"{n:04}"' for n in range(1000)] + ['"key":"' + "x" * 10_000 + '"']
    redactor = redactor_of(JSON)
    for piece in in_pieces(("{" + ",".join(members) + "}").encode(), 7):
        redactor.feed(piece)
    assert redactor.values == [b"%04d" % n for n in range(50)]


def test_values_in_parts_are_listed() -> None:
    redactor = redactor_of(MULTIPART)
    typed = 'name="a"\r\nContent-Type: application/json'
    parts = (part(typed, f'{{"password":"{n:04}"}}') for n in range(100))
    for piece in in_pieces(("".join(parts) + part('name="key"', "last") + "---XX--").encode(), 7):
        redactor.feed(piece)
    assert redactor.values == [b"%04d" % n for n in range(50)]
