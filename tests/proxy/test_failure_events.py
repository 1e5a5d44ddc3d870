"""The event that reports a failure: its form for each service, and how the form is selected."""

from typing import Any

import pytest

from streamserver.proxy import failures
from streamserver.proxy.failures import (
    Failure,
    Form,
    chat_completions,
    form_of,
    messages,
    plain,
    responses,
)
from streamserver.server.phase import Outcome
from streamserver.wire.sse import encode
from support.relaying import EVENTS_HEAD, chunk
from support.stage import staged

BROKEN = Failure(502, "the upstream closed the connection")
LIMIT = {"message": "Slow down", "type": "tokens", "param": None, "code": "rate_limit_exceeded"}
LIMITED = Failure(429, "the upstream responded with 429", True, "7", {"error": LIMIT})
OVERLOADED = Failure(
    529,
    "the upstream responded with 529",
    True,
    body={"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}},
)
DATE = "Fri, 07 Nov 1997 00:00:00 GMT"
BUSY = Failure(503, "the upstream responded with 503", True, DATE, "busy\n")
EMPTY = Failure(404, "the upstream responded with 404", True)

CHAT: list[tuple[Failure, dict[str, Any]]] = [
    (BROKEN, {"message": BROKEN.detail, "type": "server_error", "code": 502}),
    (
        LIMITED,
        {
            "message": "Slow down",
            "type": "tokens",
            "code": "rate_limit_exceeded",
            "status": 429,
            "retry_after": "7",
        },
    ),
    (
        BUSY,
        {
            "message": "busy",
            "type": "server_error",
            "code": 503,
            "status": 503,
            "retry_after": BUSY.retry_after,
        },
    ),
    (EMPTY, {"message": EMPTY.detail, "type": "not_found_error", "code": 404, "status": 404}),
]


@pytest.mark.parametrize(("failure", "error"), CHAT)
def test_chat_completions(failure: Failure, error: dict[str, Any]) -> None:
    """Without a type of event: the clients read the data only."""
    event = chat_completions(failure)
    assert event.event is None
    assert event.data == {"error": error}


@pytest.mark.parametrize(("failure", "error"), CHAT)
def test_responses(failure: Failure, error: dict[str, Any]) -> None:
    event = responses(failure)
    assert event.event == "error"
    assert event.data == {
        "type": "error",
        "code": str(error["code"]),
        "message": error["message"],
        "param": None,
        "error": error,
    }


@pytest.mark.parametrize(
    ("failure", "error"),
    [
        (BROKEN, {"type": "api_error", "message": BROKEN.detail}),
        (OVERLOADED, {"type": "overloaded_error", "message": "Overloaded", "status": 529}),
        (
            Failure(429, "busy", True, "7"),
            {"type": "rate_limit_error", "message": "busy", "status": 429, "retry_after": "7"},
        ),
    ],
)
def test_messages(failure: Failure, error: dict[str, Any]) -> None:
    event = messages(failure)
    assert event.event == "error"
    assert event.data == {"type": "error", "error": error}


@pytest.mark.parametrize(
    ("failure", "members"),
    [
        (BROKEN, {"status": 502, "title": "Bad Gateway"}),
        (LIMITED, {"retry_after": "7", "body": {"error": LIMIT}}),
        (BUSY, {"retry_after": BUSY.retry_after, "body": "busy\n"}),
        (EMPTY, {"status": 404, "title": "Not Found"}),
    ],
)
def test_any_other_stream(failure: Failure, members: dict[str, Any]) -> None:
    event = plain(failure)
    assert event.event == "error"
    assert event.data["status"] == failure.status
    assert event.data["detail"] == failure.detail
    assert members.items() <= event.data.items()
    assert event.data.keys() - members.keys() <= {"status", "title", "detail"}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"error": "model requires more memory"}, "model requires more memory"),
        ({"object": "error", "message": "too long"}, "too long"),
        ({"detail": "Not authenticated"}, "Not authenticated"),
        ({"error": {"code": 1}}, "it failed"),
        ({"error": [], "message": 5, "detail": ""}, "it failed"),
        ([1], "it failed"),
        (" <html>\n", "<html>"),
        (" \n", "it failed"),
    ],
)
def test_the_message_of_a_response_in_another_form(body: object, message: str) -> None:
    for form in (chat_completions, messages):
        assert form(Failure(500, "it failed", body=body)).data["error"]["message"] == message


@pytest.mark.parametrize("form", [chat_completions, responses, messages, plain])
@pytest.mark.parametrize("failure", [BROKEN, LIMITED, OVERLOADED, BUSY, EMPTY])
def test_each_is_one_event(form: Form, failure: Failure) -> None:
    assert encode(form(failure)).count(b"\n\n") == 1


CHUNK = b'data: {"id":"1", "object" : "chat.completion.chunk","choices":[]}\n\n'
OLD_CHUNK = b'data: {"id":"1","object":"text_completion","choices":[]}\n\n'
CREATED = b'event: response.created\ndata: {"type":"response.created"}\n\n'
STARTED = b'event: message_start\ndata: {"type": "message_start"}\n\n'
OTHER = b'data: {"text": "\\"object\\":\\"chat.completion.chunk\\""}\n\n'


@pytest.mark.parametrize(
    ("target", "beginning", "form"),
    [
        # The path of the interface, with any prefix and any query.
        ("/v1/chat/completions", b"", chat_completions),
        ("/chat/completions", OTHER, chat_completions),
        (
            "/openai/deployments/m/chat/completions?api-version=1/x",
            b": hold on\n\n",
            chat_completions,
        ),
        ("/v1/completions", b"", chat_completions),
        ("/v1/responses", b"", responses),
        ("/v1/messages?beta=true", b"", messages),
        # The first event of the stream, at any path.
        ("/ask", CHUNK, chat_completions),
        ("/ask", b": hold on\n\n" + CHUNK, chat_completions),
        ("/ask", OLD_CHUNK, chat_completions),
        ("/v1/responses/resp_1?stream=true", CREATED, responses),
        ("/v1/messages", STARTED, messages),
        ("/ask", STARTED, messages),
        # A path that other services use too.
        ("/messages", OTHER, plain),
        ("/responses", OTHER, plain),
        ("/ask", OTHER, plain),
        ("/ask", b"", plain),
        ("/", b"", plain),
        ("/mycompletions", b"", plain),
        ("/completions/1", b"", plain),
        ("/?/completions", b"", plain),
        ("*", b"", plain),
    ],
)
def test_which_form_a_stream_has(target: str, beginning: bytes, form: Form) -> None:
    assert form_of(target, beginning) is form


async def test_the_cut_leaves_a_client_the_time_to_read_the_event(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With an endless delay a client that has read the event is the first to close."""
    monkeypatch.setattr(failures, "LINGER", 60)
    async with staged(on_break="event") as stage:
        client, peer = await stage.ask()
        await peer.send(EVENTS_HEAD + chunk(b"data: 1\n\n"))
        await client.read_until(b"data: 1\n\n")
        peer.end()
        await client.read_until(b"event: error\n")
        client.end()
        await stage.has_ended(1)
        assert stage.begun[0].outcome is Outcome.CLIENT_GONE
