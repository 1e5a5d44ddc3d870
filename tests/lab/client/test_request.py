"""The encoding of a request, and the response that it expects."""

from uuid import UUID

import pytest

from streamserver.lab.client.request import Expectation, RequestSpec, expectation_of
from streamserver.wire.request_heads import RequestHead, read_request_head


def parsed(request: RequestSpec, n: int = 0) -> tuple[RequestHead, bytes]:
    """The head and body as a server reads them."""
    head, body = read_request_head(request.encoder()(n), 10_000, 5_000)
    assert head is not None
    return head, body


def test_a_get_has_default_fields_and_no_body() -> None:
    head, body = parsed(RequestSpec("http://localhost:81/a?b=c#d"))
    assert (head.method, head.target, body) == ("GET", "/a?b=c", b"")
    assert dict(head.fields) == {
        "host": "localhost:81", "accept": "*/*", "user-agent": "streamserver-bench",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/v1?a=b", "/v1?a=b"),
        ("/v1?api_key=abcdefgh&a=b", "/v1?api_key=REDACTED&a=b"),
        ("/sk-a-key-of-ours/v1?first_token_delay=1s", "/****************/v1?first_token_delay=1s"),
    ],
)
def test_the_title_has_no_secret_of_the_request(path: str, shown: str) -> None:
    request = RequestSpec(f"http://h{path}", "PUT", (("authorization", "Bearer sk-a-key-of-ours"),))
    assert request.title == f"PUT http://h{shown}"


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("http://h", "/"),
        ("http://h?q=1", "/?q=1"),
        ("http://h/a b", "/a%20b"),
        ("http://h/ä?ö=ü", "/%C3%A4?%C3%B6=%C3%BC"),
        ("http://h/%41%20?x=%2F", "/%41%20?x=%2F"),
        ("http://h/{x}?a[]=1&b=2", "/{x}?a[]=1&b=2"),
    ],
)
def test_a_target_is_percent_encoded_where_necessary(url: str, target: str) -> None:
    assert parsed(RequestSpec(url))[0].target == target


def test_a_body_has_its_length_and_given_fields_replace_defaults() -> None:
    fields = (("Host", "other"), ("Accept", "text/event-stream"), ("User-Agent", "me"))
    head, body = parsed(RequestSpec("http://h/", "POST", fields, b"12345"))
    assert body == b"12345"
    assert dict(head.fields) == {
        "host": "other", "accept": "text/event-stream", "user-agent": "me", "content-length": "5",
    }  # fmt: skip


def test_a_post_without_a_body_has_content_length_0() -> None:
    assert dict(parsed(RequestSpec("http://h/", "POST"))[0].fields)["content-length"] == "0"


def test_numbers_and_uuids_are_replaced_in_target_fields_and_body() -> None:
    request = RequestSpec(
        "http://h/{n}?id={uuid}",
        "POST",
        (("x-id", "{uuid}-{n}"),),
        b'{"n":{n},"id":"{uuid}","keep":{"x":"{m}"}}',
    )
    heads = [parsed(request, n) for n in (0, 117)]
    ids = [head.target.partition("=")[2] for head, _ in heads]
    assert len(set(ids)) == 2
    for (head, body), n, uuid in zip(heads, (0, 117), ids, strict=True):
        assert UUID(uuid).version == 4
        assert head.target == f"/{n}?id={uuid}"
        assert dict(head.fields)["x-id"] == f"{uuid}-{n}"
        assert body == f'{{"n":{n},"id":"{uuid}","keep":{{"x":"{{m}}"}}}}'.encode()
        assert head.length == len(body)


def test_a_request_depends_on_seed_and_number_only() -> None:
    def uuid(seed: int, n: int) -> str:
        return parsed(RequestSpec("http://h/{uuid}", seed=seed), n)[0].target

    assert uuid(1, 5) == uuid(1, 5)
    assert len({uuid(1, 5), uuid(1, 6), uuid(2, 5)}) == 3


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("", "names no scheme or no host"),
        ("localhost:8000/sse", "names no scheme or no host"),
        ("ftp://h/", "names no scheme or no host"),
        ("http:///x", "names no scheme or no host"),
        ("http://h:99999/", "is no URL"),
        ("http://h:x/", "is no URL"),
        ("http://[::1/", "is no URL"),
        ("http://hö/", "not in ASCII"),
    ],
)
def test_an_invalid_url_is_refused(url: str, error: str) -> None:
    with pytest.raises(ValueError, match=error) as refused:
        RequestSpec(url)
    assert repr(url) in str(refused.value)


def test_an_error_does_not_repeat_a_password() -> None:
    with pytest.raises(ValueError, match="no user name") as refused:
        RequestSpec("http://me:secret@h/")
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    "invalid",
    [RequestSpec("http://h/", "GE T"), RequestSpec("http://h/", fields=(("a", "b\r\nc: d"),))],
)
def test_an_invalid_method_or_field_is_refused(invalid: RequestSpec) -> None:
    with pytest.raises(ValueError, match="not a"):
        invalid.encoder()


STREAM = b'{"model":"m","stream": true}'
EVENTS = ("Accept", "text/event-stream")


@pytest.mark.parametrize(
    ("method", "fields", "body", "expectation"),
    [
        ("GET", [], b"", "anything"),
        ("GET", [("Accept", "*/*")], b"", "anything"),
        ("GET", [EVENTS], b"", "events"),
        ("GET", [("accept", "Text/Event-Stream; q=1 , application/x-ndjson")], b"", "events"),
        ("GET", [EVENTS, EVENTS], b"", "events"),
        # A document is accepted as well.
        ("POST", [("Accept", "application/json, text/event-stream")], b"", "anything"),
        ("GET", [EVENTS, ("Accept", "*/*;q=0.1")], b"", "anything"),
        ("GET", [("Accept", " , ")], b"", "anything"),
        ("POST", [], STREAM, "stream"),
        ("POST", [("Accept", "*/*")], STREAM, "stream"),
        ("POST", [EVENTS], STREAM, "events"),
        ("POST", [], b'{"stream":false}', "anything"),
        ("POST", [], b'{"stream":1}', "anything"),
        ("POST", [], b'{"options":{"stream":true}}', "anything"),
        ("POST", [], b'["stream",true]', "anything"),
        ("POST", [], b'say "stream"', "anything"),
        ("POST", [], b'{"stream":true', "anything"),
        ("POST", [], b'"stream"\xff', "anything"),
        ("POST", [], b'{"stream":' + b"[" * 100_000, "anything"),
        # Methods whose responses have no stream.
        ("HEAD", [EVENTS], b"", "anything"),
        ("OPTIONS", [EVENTS], b"", "anything"),
    ],
)
def test_the_expectation_of_a_request(
    method: str, fields: list[tuple[str, str]], body: bytes, expectation: Expectation
) -> None:
    assert expectation_of(method, fields, body) == expectation


@pytest.mark.parametrize(
    ("spec", "expectation"),
    [
        (RequestSpec("http://h/"), "anything"),
        (RequestSpec("http://h/", fields=(EVENTS,)), "events"),
        (RequestSpec("http://h/", "POST", body=b'{"n":{n},"stream":true}'), "stream"),
        (RequestSpec("http://h/", "POST", (EVENTS,), STREAM, chat=True), "answer"),
    ],
)
def test_a_chat_expects_an_answer(spec: RequestSpec, expectation: Expectation) -> None:
    assert spec.expectation == expectation
