"""What each interface sends: its URL, its fields and its body."""

from typing import Any

import pytest

from streamserver.lab.prompts.conversation import message
from streamserver.lab.prompts.interfaces import INTERFACES, Ask

SYSTEM, HELLO, HI, WHY = (
    message("system", "Be brief."),
    message("user", "Hello"),
    message("assistant", " Hi."),
    message("user", "Why?"),
)
USAGE = {"stream": True, "stream_options": {"include_usage": True}}
TEXT = "Be brief.\n\nHello Hi.\n\nWhy?"


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("chat", {"model": "m", "messages": [HELLO], **USAGE}),
        ("openai", {"model": "m", "messages": [HELLO], **USAGE}),
        ("completions", {"model": "m", "prompt": "Hello", **USAGE}),
        ("responses", {"model": "m", "input": [HELLO], "stream": True}),
        ("messages", {"model": "m", "messages": [HELLO], "stream": True, "max_tokens": 1024}),
        ("ollama-chat", {"model": "m", "messages": [HELLO], "stream": True}),
        ("ollama-generate", {"model": "m", "prompt": "Hello", "stream": True}),
        ("gemini", {"contents": [{"role": "user", "parts": [{"text": "Hello"}]}]}),
        ("tgi", {"inputs": "Hello", "parameters": {"details": True}}),
        ("llamacpp", {"model": "m", "prompt": "Hello", "stream": True}),
    ],
)
def test_the_body_of_one_message(name: str, body: dict[str, Any]) -> None:
    assert INTERFACES[name].body(Ask("m", [HELLO])) == body


def test_every_interface_has_its_name_for_the_most_tokens() -> None:
    limits = {name: one.body(Ask("m", [HELLO], 7)) for name, one in INTERFACES.items()}
    assert limits["chat"]["max_tokens"] == limits["completions"]["max_tokens"] == 7
    assert limits["openai"]["max_completion_tokens"] == 7
    assert "max_tokens" not in limits["openai"]
    assert limits["responses"]["max_output_tokens"] == limits["messages"]["max_tokens"] == 7
    assert limits["ollama-chat"]["options"] == limits["ollama-generate"]["options"]
    assert limits["ollama-chat"]["options"] == {"num_predict": 7}
    assert limits["gemini"]["generationConfig"] == {"maxOutputTokens": 7}
    assert limits["tgi"]["parameters"] == {"details": True, "max_new_tokens": 7}
    assert limits["llamacpp"]["n_predict"] == 7


@pytest.mark.parametrize(
    ("name", "member", "value"),
    [
        ("chat", "messages", [SYSTEM, HELLO, HI, WHY]),
        ("completions", "prompt", TEXT),
        ("responses", "input", [SYSTEM, HELLO, HI, WHY]),
        ("messages", "messages", [HELLO, HI, WHY]),
        ("messages", "system", "Be brief."),
        ("ollama-chat", "messages", [SYSTEM, HELLO, HI, WHY]),
        ("ollama-generate", "prompt", TEXT),
        ("gemini", "systemInstruction", {"parts": [{"text": "Be brief."}]}),
        (
            "gemini",
            "contents",
            [
                {"role": "user", "parts": [{"text": "Hello"}]},
                {"role": "model", "parts": [{"text": " Hi."}]},
                {"role": "user", "parts": [{"text": "Why?"}]},
            ],
        ),
        ("tgi", "inputs", TEXT),
        ("llamacpp", "prompt", TEXT),
    ],
)
def test_a_conversation_with_instructions(name: str, member: str, value: object) -> None:
    assert INTERFACES[name].body(Ask("m", [SYSTEM, HELLO, HI, WHY]))[member] == value


def test_exact_lengths_are_for_interfaces_that_know_them() -> None:
    assert [name for name, one in INTERFACES.items() if one.exact] == [
        "chat", "completions", "llamacpp",
    ]  # fmt: skip
    for name in ("chat", "completions"):
        body = INTERFACES[name].body(Ask("m", [HELLO], 7, exact=True))
        assert (body["max_tokens"], body["min_tokens"], body["ignore_eos"]) == (7, 7, True)
    body = INTERFACES["llamacpp"].body(Ask("", [HELLO], 7, exact=True))
    assert body == {"prompt": "Hello", "stream": True, "n_predict": 7, "ignore_eos": True}


PARTS = {"role": "user", "content": [{"type": "text", "text": "Hello"}]}


@pytest.mark.parametrize("name", ["chat", "openai", "responses", "messages", "ollama-chat"])
def test_parts_are_sent_as_they_are(name: str) -> None:
    body = INTERFACES[name].body(Ask("m", [PARTS]))
    assert (body.get("messages") or body["input"]) == [PARTS]


@pytest.mark.parametrize("name", ["completions", "ollama-generate", "gemini", "tgi", "llamacpp"])
def test_parts_are_refused_by_an_interface_of_text(name: str) -> None:
    with pytest.raises(ValueError, match="content must be a text"):
        INTERFACES[name].body(Ask("m", [PARTS]))


@pytest.mark.parametrize(
    ("name", "base", "url"),
    [
        ("chat", "http://h/v1", "http://h/v1/chat/completions"),
        ("chat", "http://h/v1/", "http://h/v1/chat/completions"),
        ("chat", "http://h/v1/chat/completions", "http://h/v1/chat/completions"),
        ("chat", "http://h/v1?version=2", "http://h/v1/chat/completions?version=2"),
        ("completions", "http://h/v1", "http://h/v1/completions"),
        ("responses", "http://h/v1", "http://h/v1/responses"),
        ("messages", "https://h", "https://h/v1/messages"),
        ("messages", "https://h/v1", "https://h/v1/messages"),
        ("messages", "https://h/anthropic", "https://h/anthropic/v1/messages"),
        ("messages", "https://h/v1/messages", "https://h/v1/messages"),
        ("ollama-chat", "http://h:1", "http://h:1/api/chat"),
        ("ollama-chat", "http://h:1/api", "http://h:1/api/chat"),
        ("ollama-chat", "http://v1/", "http://v1/api/chat"),
        ("ollama-generate", "http://h:1/api/generate", "http://h:1/api/generate"),
        ("gemini", "https://h", "https://h/v1beta/models/m:streamGenerateContent?alt=sse"),
        ("gemini", "https://v1", "https://v1/v1beta/models/m:streamGenerateContent?alt=sse"),
        ("gemini", "https://h/v1", "https://h/v1/models/m:streamGenerateContent?alt=sse"),
        (
            "gemini",
            "https://h/v1/projects/p?a=b",
            "https://h/v1/projects/p/models/m:streamGenerateContent?a=b&alt=sse",
        ),
        (
            "gemini",
            "https://h/v1beta/models/m:streamGenerateContent?alt=sse",
            "https://h/v1beta/models/m:streamGenerateContent?alt=sse",
        ),
        ("tgi", "http://h", "http://h/generate_stream"),
        ("llamacpp", "http://h/", "http://h/completion"),
    ],
)
def test_the_url_of_a_service(name: str, base: str, url: str) -> None:
    assert INTERFACES[name].url(base, "m") == url


def test_the_model_of_a_url_is_encoded() -> None:
    url = INTERFACES["gemini"].url("https://h", "models/a?b/c")
    assert url == "https://h/v1beta/models/a%3Fb%2Fc:streamGenerateContent?alt=sse"


def test_the_fields_of_an_interface() -> None:
    keys = {name: one.key for name, one in INTERFACES.items() if one.key[0] != "authorization"}
    assert keys == {"messages": ("x-api-key", "{}"), "gemini": ("x-goog-api-key", "{}")}
    assert INTERFACES["messages"].fields == (("anthropic-version", "2023-06-01"),)
    lines = [name for name, one in INTERFACES.items() if one.accept != "text/event-stream"]
    assert lines == ["ollama-chat", "ollama-generate"]
