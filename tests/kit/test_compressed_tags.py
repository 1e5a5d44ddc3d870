"""Vary and entity tags of responses that may be encoded (RFC 9110, sections 8.8.3.3 and 12.5.5)."""

from functools import partial

import pytest

from streamserver.kit.compress import compress
from streamserver.kit.request import Request
from streamserver.kit.response import Response, TextStream
from streamserver.wire.problem import HTTPError
from support.asking import ask
from support.compressed import GZIP, TEXT, answered
from support.inprocess import Serve, Served
from support.producers import pulled


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        (None, "Accept-Encoding"),
        ("Origin", "Origin, Accept-Encoding"),
        ("accept-ENCODING", "accept-ENCODING"),
        ("*", "*"),
    ],
)
async def test_vary(serve: Serve, given: str | None, sent: str) -> None:
    headers = {} if given is None else {"vary": given}
    for fields in (GZIP, {}):
        answer = await answered(serve, Response(TEXT, headers=headers), fields)
        assert answer.headers["vary"] == sent


@pytest.mark.parametrize(
    ("etag", "fixed", "streamed"),
    [
        ('"a"', '"a-gzip"', 'W/"a-gzip"'),
        ('""', '"-gzip"', 'W/"-gzip"'),
        ('W/"a"', 'W/"a"', 'W/"a"'),
        ("a", "a", "a"),
    ],
)
async def test_a_coded_representation_has_its_own_tag(
    serve: Serve, etag: str, fixed: str, streamed: str
) -> None:
    """The bytes of a stream depend on how its pieces came, so its tag is weak."""
    headers = {"etag": etag}
    answer = await answered(serve, Response(TEXT, headers=headers))
    assert answer.headers["etag"] == fixed
    answer = await answered(serve, TextStream(pulled(TEXT), headers=headers))
    assert answer.headers["etag"] == streamed
    answer = await answered(serve, Response(TEXT, headers=headers), {})
    assert answer.headers["etag"] == etag


class Versioned:
    """A resource with optimistic locking, as its handler compares tags."""

    def __init__(self) -> None:
        self.version = 1
        self.seen: list[tuple[str | None, str | None]] = []

    async def __call__(self, request: Request) -> Response:
        etag = f'"{self.version}"'
        expected = request.headers.get("if-match"), request.headers.get("if-none-match")
        self.seen.append(expected)
        match, none_match = [(value or "").split(", ") for value in expected]
        if etag in none_match:
            return Response(status=304, headers={"etag": etag})
        if request.method == "PUT":
            if etag not in match:
                raise HTTPError(412, "another one was faster")
            self.version += 1
            return Response(status=204)
        return Response(TEXT, headers={"etag": etag})


@pytest.fixture
async def resource(serve: Serve) -> tuple[Served, Versioned]:
    versioned = Versioned()
    return await serve(compress(versioned)), versioned


Resource = tuple[Served, Versioned]


async def test_a_tag_that_was_sent_is_valid_when_it_comes_back(resource: Resource) -> None:
    server, versioned = resource
    tag = (await ask(server, "/", fields=GZIP)).headers["etag"]
    fresh = await ask(server, "/", fields=GZIP | {"If-None-Match": tag})
    assert (fresh.status, fresh.headers["etag"]) == (304, tag)
    assert fresh.headers["vary"] == "Accept-Encoding"
    assert "content-encoding" not in fresh.headers
    put = partial(ask, server, "/", "PUT")
    assert (await put({"If-Match": tag})).status == 204
    assert (await put({"If-Match": tag})).status == 412, "it is of the version before"
    assert versioned.seen[1:3] == [(None, '"1-gzip", "1"'), ('"1-gzip", "1"', None)]


async def test_the_plain_tag_is_valid_too(resource: Resource) -> None:
    server, _ = resource
    for fields in ({}, GZIP):
        fresh = await ask(server, "/", fields=fields | {"If-None-Match": '"1"'})
        assert (fresh.status, fresh.headers["etag"]) == (304, '"1"')
        assert fresh.headers["vary"] == "Accept-Encoding"


@pytest.mark.parametrize("accepted", ["zstd", "identity"])
async def test_a_response_in_another_coding_is_not_revalidated(
    resource: Resource, accepted: str
) -> None:
    """A cache that has it would send it to a client that cannot decode it."""
    server, _ = resource
    fields = {"Accept-Encoding": accepted, "If-None-Match": '"1-gzip"'}
    assert (await ask(server, "/", fields=fields)).status == 200


async def test_of_several_tags_the_current_one_is_named(resource: Resource) -> None:
    server, versioned = resource
    versioned.version = 2
    fields = GZIP | {"If-None-Match": '"1-gzip", W/"2-gzip", "x,-gzip"'}
    fresh = await ask(server, "/", fields=fields)
    assert (fresh.status, fresh.headers["etag"]) == (304, 'W/"2-gzip"')
