"""The messages of a conversation in a request for a chat completion."""

from collections.abc import Mapping

from streamserver.kit.params import Parameter
from streamserver.lab.model.asked import Message
from streamserver.lab.model.members import check_members, list_member, object_member, wrong

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
    ignored: set[str] = set()
    given = enumerate(_messages.of(members))
    messages = [_message(f"messages[{n}]", one, ignored) for n, one in given]
    return messages, [f"messages.{name}" for name in sorted(ignored)]


def _message(name: str, value: object, ignored: set[str]) -> Message:
    members = object_member(name, value, '{"role": "user", "content": "..."}')
    role, content = members.get("role"), members.get("content")
    if role not in ROLES:
        raise wrong(f"{name}.role", "one of " + ", ".join(ROLES))
    check_members(members, _SERVED, _WITHOUT_EFFECT, f"{name}.")
    ignored.update(one for one in _WITHOUT_EFFECT if members.get(one) is not None)
    calls = list_member(f"{name}.tool_calls", members.get("tool_calls"), MAX_CALLS, "calls")
    called = "".join([_call(f"{name}.tool_calls[{n}]", call) for n, call in enumerate(calls)])
    # With tool calls or a refusal, the message of an assistant has no content.
    if content is None and role == "assistant":
        content = members.get("refusal") or ""
    if role == "tool" and not isinstance(members.get("tool_call_id"), str):
        raise wrong(f"{name}.tool_call_id", "the id of the call that this is the result of")
    text, images = _content(f"{name}.content", content)
    return Message(str(role), text + called, images)


def _call(name: str, value: object) -> str:
    """The tokens of a call of the assistant: the name of the tool, and its arguments."""
    function = object_member(name, value, '{"id": ..., "type": "function", "function": {...}}')
    members = function.get("function")
    if not isinstance(members, Mapping) or not isinstance(members.get("name"), str):
        raise wrong(f"{name}.function", 'an object: {"name": "...", "arguments": "{}"}')
    if not isinstance(members.get("arguments"), str):
        raise wrong(f"{name}.function.arguments", "a text of JSON")
    return f"{members['name']}{members['arguments']}"


def _content(name: str, content: object) -> tuple[str, int]:
    """The text of a message, which may be a list of content parts, and the number of images."""
    if isinstance(content, str):
        return content, 0
    if not isinstance(content, list) or len(content) > MAX_PARTS:
        raise wrong(name, f"a text or a list of up to {MAX_PARTS} parts")
    parts = [_part(f"{name}[{n}]", part) for n, part in enumerate(content)]
    return "".join([text for text, _ in parts]), sum([images for _, images in parts])


def _part(name: str, part: object) -> tuple[str, int]:
    kind = part.get("type") if isinstance(part, dict) else None
    if isinstance(part, dict) and kind in ("text", "refusal"):
        if isinstance(found := part.get(kind), str):
            return found, 0
        raise wrong(f"{name}.{kind}", "a text")
    if isinstance(part, dict) and kind == "image_url":
        image = part.get("image_url")
        url = image.get("url") if isinstance(image, dict) else None
        if isinstance(url, str) and url.startswith(("http://", "https://", "data:image/")):
            return "", 1
        raise wrong(f"{name}.image_url", 'an object with the URL of an image: {"url": "..."}')
    raise wrong(
        name,
        'a text, {"type": "text", "text": "..."}, or an image, '
        '{"type": "image_url", "image_url": {"url": "..."}}, the kinds that this model reads',
    )
