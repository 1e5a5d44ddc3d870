"""The messages of a conversation in a request for a chat completion."""

from collections.abc import Mapping
from typing import Any

from streamserver.kit.params import Parameter
from streamserver.lab.model.asked import Message
from streamserver.lab.model.members import wrong
from streamserver.lab.model.reading import Reading, items, string

MAX_MESSAGES = 500
MAX_PARTS = 500
MAX_CALLS = 128
ROLES = ("developer", "system", "user", "assistant", "tool", "function")
_SERVED = ("role", "content", "refusal", "tool_calls", "tool_call_id")
_WITHOUT_EFFECT = ("name", "annotations", "reasoning", "reasoning_content")


def _check(value: object) -> list[object] | None:
    return value if isinstance(value, list) and 1 <= len(value) <= MAX_MESSAGES else None


_messages = Parameter("messages", f"a list of 1 to {MAX_MESSAGES} messages", str, _check)


def read_messages(members: Mapping[str, object]) -> tuple[list[Message], list[str]]:
    """The messages of a request, and the names of their members without effect; HTTPError 400 that
    names a wrong member."""
    reading = Reading()
    given = enumerate(_messages.of(members))
    messages = [_message(reading, f"messages[{n}]", one) for n, one in given]
    return messages, reading.without_effect


def _message(reading: Reading, path: str, value: object) -> Message:
    role = value.get("role") if isinstance(value, dict) else ""
    if role not in ROLES and isinstance(value, dict):
        raise wrong(f"{path}.role", "one of " + ", ".join(ROLES))
    members = reading.members(path, value, _SERVED, _WITHOUT_EFFECT)
    content = members.get("content")
    calls = items(f"{path}.tool_calls", members.get("tool_calls"), MAX_CALLS, "calls")
    called = "".join([_call(reading, *call) for call in calls])
    # With tool calls or a refusal, the message of an assistant has no content.
    if content is None and role == "assistant":
        content = members.get("refusal") or ""
    if role == "tool" and not isinstance(members.get("tool_call_id"), str):
        raise wrong(f"{path}.tool_call_id", "the id of the call that this is the result of")
    text, images = _content(reading, f"{path}.content", content)
    return Message(str(role), text + called, images)


def _call(reading: Reading, path: str, value: object) -> str:
    """The tokens of a call of the assistant: the name of the tool, and its arguments."""
    call = reading.members(path, value, ("id", "type", "function"), ("index",))
    if call.get("type", "function") != "function":
        raise wrong(f"{path}.type", "function")
    path += ".function"
    function = reading.members(path, call.get("function"), ("name", "arguments"))
    name = string(f"{path}.name", function.get("name"))
    return name + string(f"{path}.arguments", function.get("arguments"))


def _content(reading: Reading, path: str, content: object) -> tuple[str, int]:
    """The text of a message, which may be a list of content parts, and the number of images."""
    if isinstance(content, str):
        return content, 0
    if not isinstance(content, list) or len(content) > MAX_PARTS:
        raise wrong(path, f"a text or a list of up to {MAX_PARTS} parts")
    parts = [_part(reading, f"{path}[{n}]", part) for n, part in enumerate(content)]
    return "".join([text for text, _ in parts]), sum([images for _, images in parts])


def _part(reading: Reading, path: str, value: Any) -> tuple[str, int]:
    kind = value.get("type") if isinstance(value, dict) else None
    if kind not in ("text", "refusal", "image_url"):
        raise wrong(
            path,
            'a text, {"type": "text", "text": "..."}, or an image, '
            '{"type": "image_url", "image_url": {"url": "..."}}, the kinds that this model reads',
        )
    part = reading.members(path, value, ("type", kind), ("cache_control",))
    path += f".{kind}"
    if kind != "image_url":
        return string(path, part.get(kind)), 0
    image = part.get(kind)
    if isinstance(image, dict):
        reading.members(path, image, ("url",), ("detail",))
        url = image.get("url")
        if isinstance(url, str) and url.startswith(("http://", "https://", "data:image/")):
            return "", 1
    raise wrong(path, 'an object with the URL of an image: {"url": "..."}')
