"""The request as it is written."""

from uuid import UUID

import pytest

from streamserver.lab.client.asked import Ask
from streamserver.wire.request_heads import RequestHead, read_request_head


def written(ask: Ask, n: int = 0) -> tuple[RequestHead, bytes]:
    """What a server makes of it."""
    head, body = read_request_head(ask.writer()(n), 10_000, 5_000)
    assert head is not None
    return head, body


def test_a_get_is_plain() -> None:
    head, body = written(Ask("http://localhost:81/a?b=c#d"))
    assert (head.method, head.target, body) == ("GET", "/a?b=c", b"")
    assert dict(head.fields) == {
        "host": "localhost:81", "accept": "*/*", "user-agent": "streamserver-bench",
    }  # fmt: skip


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
def test_a_target_is_encoded_where_it_has_to_be(url: str, target: str) -> None:
    assert written(Ask(url))[0].target == target


def test_a_body_has_its_length_and_given_fields_win() -> None:
    fields = (("Host", "other"), ("Accept", "text/event-stream"), ("User-Agent", "me"))
    head, body = written(Ask("http://h/", "POST", fields, b"12345"))
    assert body == b"12345"
    assert dict(head.fields) == {
        "host": "other", "accept": "text/event-stream", "user-agent": "me", "content-length": "5",
    }  # fmt: skip


def test_a_post_without_a_body_says_so() -> None:
    assert dict(written(Ask("http://h/", "POST"))[0].fields)["content-length"] == "0"


def test_numbers_and_uuids_stand_for_themselves_everywhere() -> None:
    ask = Ask(
        "http://h/{n}?id={uuid}",
        "POST",
        (("x-id", "{uuid}-{n}"),),
        b'{"n":{n},"id":"{uuid}","keep":{"x":"{m}"}}',
    )
    heads = [written(ask, n) for n in (0, 117)]
    ids = [head.target.partition("=")[2] for head, _ in heads]
    assert len(set(ids)) == 2
    for (head, body), n, uuid in zip(heads, (0, 117), ids, strict=True):
        assert UUID(uuid).version == 4
        assert head.target == f"/{n}?id={uuid}"
        assert dict(head.fields)["x-id"] == f"{uuid}-{n}"
        assert body == f'{{"n":{n},"id":"{uuid}","keep":{{"x":"{{m}}"}}}}'.encode()
        assert head.length == len(body)


def test_what_is_asked_follows_from_seed_and_number() -> None:
    def uuid(seed: int, n: int) -> str:
        return written(Ask("http://h/{uuid}", seed=seed), n)[0].target

    assert uuid(1, 5) == uuid(1, 5)
    assert len({uuid(1, 5), uuid(1, 6), uuid(2, 5)}) == 3


@pytest.mark.parametrize(
    ("url", "told"),
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
def test_a_url_that_names_no_place_is_refused(url: str, told: str) -> None:
    with pytest.raises(ValueError, match=told) as refused:
        Ask(url)
    assert repr(url) in str(refused.value)


def test_a_password_is_not_repeated() -> None:
    with pytest.raises(ValueError, match="no user name") as refused:
        Ask("http://me:secret@h/")
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    "ask",
    [Ask("http://h/", "GE T"), Ask("http://h/", fields=(("a", "b\r\nc: d"),))],
)
def test_what_no_request_can_have_is_refused(ask: Ask) -> None:
    with pytest.raises(ValueError, match="not a"):
        ask.writer()(0)
