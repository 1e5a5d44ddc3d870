"""``HTTPError`` and its problem document (RFC 9457)."""

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from streamserver.wire.problem import HTTPError, reason_phrase


@pytest.mark.parametrize(
    ("error", "document"),
    [
        (HTTPError(404), {"title": "Not Found", "status": 404}),
        (
            HTTPError(404, "no such job"),
            {"title": "Not Found", "status": 404, "detail": "no such job"},
        ),
        (HTTPError(599, "x"), {"title": "Error", "status": 599, "detail": "x"}),
        (
            HTTPError(400, "too many", limit=10, type="https://a/limit"),
            {
                "title": "Bad Request",
                "status": 400,
                "detail": "too many",
                "limit": 10,
                "type": "https://a/limit",
            },
        ),
        (HTTPError(402, title="No credit"), {"title": "No credit", "status": 402}),
        (
            HTTPError(400, 'a "\r\n\0é☃'),
            {"title": "Bad Request", "status": 400, "detail": 'a "\r\n\0é☃'},
        ),
    ],
)
def test_the_document_of_an_error(error: HTTPError, document: dict[str, object]) -> None:
    assert json.loads(error.body()) == document
    assert error.body().endswith(b"}\n")


def test_the_document_is_utf_8_and_not_escaped() -> None:
    assert "schön".encode() in HTTPError(400, "schön").body()


@given(st.text(st.characters()))
@example("\ud800")
def test_any_detail_can_be_sent(detail: str) -> None:
    """JSON from a client may contain a lone surrogate, which an error may quote."""
    body = HTTPError(400, detail).body()
    assert json.loads(body.decode())["status"] == 400


def test_the_attributes_of_an_error() -> None:
    headers = {"Retry-After": "1"}
    error = HTTPError(503, "full", headers=headers, queue=7)
    headers.clear()
    assert (error.status, error.detail) == (503, "full")
    assert error.headers == {"Retry-After": "1"}
    assert error.members == {"queue": 7}
    assert str(error) == "503 Service Unavailable: full"
    assert HTTPError(404).headers == {}


@pytest.mark.parametrize("status", [-1, 0, 100, 200, 302, 399, 600, 1000])
def test_a_status_that_is_no_error_is_refused(status: int) -> None:
    with pytest.raises(ValueError, match=f"400 to 599, not {status}"):
        HTTPError(status)


@pytest.mark.parametrize("status", [400, 599])
def test_the_bounds_of_a_status(status: int) -> None:
    assert HTTPError(status).status == status


@pytest.mark.parametrize(
    ("status", "phrase"), [(100, "Continue"), (200, "OK"), (404, "Not Found"), (299, ""), (999, "")]
)
def test_reason_phrases(status: int, phrase: str) -> None:
    """An unknown status has an empty one (RFC 9112, section 4)."""
    assert reason_phrase(status) == phrase
