"""Requests for completions of OpenAI, validated.

Members that shape the answer are validated strictly. Members that would steer a real model
(``temperature``, ``seed``, ``stop``, ``tools`` and others) are accepted and ignored, so any client
gets an answer.
"""

from collections.abc import Mapping
from dataclasses import replace

from streamserver.kit.params import Parameter, whole
from streamserver.lab.model.asked import Asked, Json, Message
from streamserver.lab.model.members import wrong
from streamserver.lab.model.models import read_model
from streamserver.wire.problem import HTTPError

MAX_MESSAGES = 500
MAX_TOKENS = 1_000_000
"""More than any model generates, so no client's usual limit is refused."""
ROLES = ("developer", "system", "user", "assistant", "tool", "function")


def _flag(name: str) -> Parameter[bool]:
    def check(value: object) -> bool | None:
        return value if isinstance(value, bool) else None

    return Parameter(name, "true or false", str, check, False)


def _messages(value: object) -> list[object] | None:
    return value if isinstance(value, list) and 1 <= len(value) <= MAX_MESSAGES else None


_conversation = Parameter("messages", f"a list of 1 to {MAX_MESSAGES} messages", str, _messages)
_n = replace(whole("n", 1, 1, default=1), allowed="1, since this model has one answer")
_max_tokens = [
    whole(name, 1, MAX_TOKENS, default=MAX_TOKENS)
    for name in ("max_tokens", "max_completion_tokens")
]
_stream = _flag("stream")
_usage = _flag("include_usage")


def chat_request(members: Mapping[str, object]) -> Asked:
    """The request for a chat completion in a JSON object; HTTPError 400 that names a wrong
    member."""
    messages = enumerate(_conversation.of(members))
    return _request(members, [_message(f"messages[{n}]", value) for n, value in messages])


def text_request(members: Mapping[str, object]) -> Asked:
    """The same for the legacy interface, which has a ``prompt`` instead of messages."""
    prompt = members.get("prompt")
    if isinstance(prompt, list) and len(prompt) == 1:
        prompt = prompt[0]
    if not isinstance(prompt, str):
        raise wrong("prompt", "a text, or a list of one")
    return _request(members, [Message("user", prompt)])


def _request(members: Mapping[str, object], conversation: list[Message]) -> Asked:
    model, pace = read_model(members)
    _n.of(members)
    stream = _stream.of(members)
    options = members.get("stream_options")
    if options is not None and not isinstance(options, dict):
        raise wrong("stream_options", 'an object: {"include_usage": true}')
    if options is not None and not stream:
        raise wrong("stream_options", "left out unless stream is true")
    return Asked(
        model,
        conversation,
        stream,
        pace,
        min([limit.of(members) for limit in _max_tokens]),
        include_usage=_usage.of(options or {}),
    )


def _message(name: str, value: object) -> Message:
    if not isinstance(value, dict):
        raise wrong(name, 'an object: {"role": "user", "content": "..."}')
    role, content = value.get("role"), value.get("content")
    if role not in ROLES:
        raise wrong(f"{name}.role", "one of " + ", ".join(ROLES))
    # With tool calls or a refusal, the message of an assistant has no content.
    if content is None and role == "assistant":
        content = ""
    return Message(role, _content(f"{name}.content", content))


def _content(name: str, content: object) -> str:
    """The text of a message, which may be a list of content parts."""
    if isinstance(content, list):
        return "".join([_part(f"{name}[{n}]", part) for n, part in enumerate(content)])
    if not isinstance(content, str):
        raise wrong(name, "a text or a list of parts")
    return content


def _part(name: str, part: object) -> str:
    found = part.get("text") if isinstance(part, dict) and part.get("type") == "text" else None
    if not isinstance(found, str):
        raise wrong(
            name, 'a text, the only kind that this model reads: {"type": "text", "text": "..."}'
        )
    return found


def error_object(error: HTTPError) -> Json:
    """The error of a refused request; ``param`` names the member that was wrong, if one was."""
    members = {
        "message": error.detail,
        "type": "invalid_request_error",
        "param": error.members.get("parameter"),
        "code": error.members.get("code"),
    }
    return {"error": members}
