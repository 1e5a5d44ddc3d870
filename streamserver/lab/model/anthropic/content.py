"""The content of Anthropic's messages: texts, and lists of content blocks."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from streamserver.lab.model.asked import Message
from streamserver.lab.model.members import flag, wrong
from streamserver.lab.model.reading import MAX_OBJECTS, Form, Reading, checked, items, string, word
from streamserver.wire.json_text import to_json

_TEXT = Form(("text",), ("cache_control", "citations"))
_RESULT = Form(("tool_use_id", "content", "is_error"), ("cache_control", "toolset_name"))
_USE = Form(("id", "name", "input"), ("cache_control", "caller", "toolset_name"))
_IMAGE = Form(("source",), ("cache_control", "transformations"))
_DOCUMENT = Form(("source", "title", "context"), ("cache_control", "citations"))
_PARTS = {"text": _TEXT, "image": _IMAGE, "document": _DOCUMENT}
"""The content blocks of a result, by their type."""
_BLOCKS = {
    "system": {"text": _TEXT},
    "user": {**_PARTS, "tool_result": _RESULT},
    "assistant": {
        "text": _TEXT,
        "thinking": Form(("thinking", "signature")),
        "redacted_thinking": Form(("data",)),
        "tool_use": _USE,
    },
}
"""The content blocks of a message, by its role."""
_SOURCES = {
    "image": {"base64": Form(("media_type", "data")), "url": Form(("url",))},
    "document": {
        "text": Form(("media_type", "data")),
        "base64": Form(("media_type", "data")),
        "url": Form(("url",)),
    },
}
_DATA = {"base64": "data", "text": "data", "url": "url"}
"""The member of a source that has its content, by its type."""
_MEDIA_TYPES = {
    ("image", "base64"): ("image/jpeg", "image/png", "image/gif", "image/webp"),
    ("document", "text"): ("text/plain",),
    ("document", "base64"): ("application/pdf",),
}


class _Content(NamedTuple):
    """What the model reads of a content."""

    text: str = ""
    images: int = 0
    """The number of images, and of documents whose text the model does not read."""
    result: "_Content | None" = None
    """The result of a tool."""


def read_system(reading: Reading, value: object) -> list[Message]:
    """The member ``system``: a text, or a list of text blocks."""
    content = _merged(_contents(reading, "system", value, _BLOCKS["system"]))
    return [Message("system", content.text)]


def read_message(reading: Reading, path: str, value: object) -> list[Message]:
    """A member of ``messages``.

    The results of tools, which the service takes as content of the user, are a message of the role
    ``tool``. It is the last, since it is what the model has to answer.
    """
    message = reading.members(path, value, ("role", "content"))
    role = word(f"{path}.role", message.get("role"), _BLOCKS)
    contents = [*_contents(reading, f"{path}.content", message.get("content"), _BLOCKS[role])]
    results = [one.result for one in contents if one.result is not None]
    others = [one for one in contents if one.result is None]
    read = [_message(role, others)] if others or not results else []
    return [*read, _message("tool", results)] if results else read


def _message(role: str, contents: Iterable[_Content]) -> Message:
    content = _merged(contents)
    return Message(role, content.text, content.images)


def _merged(contents: Iterable[_Content]) -> _Content:
    found = [*contents]
    return _Content("".join([one.text for one in found]), sum([one.images for one in found]))


def _contents(
    reading: Reading, path: str, value: object, forms: Mapping[str, Form]
) -> Iterable[_Content]:
    if isinstance(value, str):
        yield _Content(value)
    elif not isinstance(value, list):
        raise wrong(path, "a text or a list of content blocks")
    else:
        for at, block in items(path, value, MAX_OBJECTS, "content blocks"):
            yield _block(reading, at, *reading.typed(at, block, forms))


def _block(reading: Reading, path: str, kind: str, block: dict[str, Any]) -> _Content:
    match kind:
        case "text":
            return _Content(string(f"{path}.text", block.get("text")))
        case "image" | "document":
            return _source(reading, path, kind, block)
        case "tool_use":
            string(f"{path}.id", block.get("id"))
            name = string(f"{path}.name", block.get("name"))
            if not isinstance(block.get("input"), dict):
                raise wrong(f"{path}.input", "an object")
            return _Content(name + to_json(block["input"]))
        case "tool_result":
            string(f"{path}.tool_use_id", block.get("tool_use_id"))
            checked(flag(f"{path}.is_error"), block.get("is_error"))
            content = block.get("content", "")
            parts = _contents(reading, f"{path}.content", content, _PARTS)
            return _Content(result=_merged(parts))
    # The thinking of an earlier answer is no part of the input.
    for name in block:
        string(f"{path}.{name}", block[name])
    return _Content()


def _source(reading: Reading, path: str, kind: str, block: dict[str, Any]) -> _Content:
    titles = [string(f"{path}.{name}", block.get(name, "")) for name in ("title", "context")]
    at = f"{path}.source"
    form, source = reading.typed(at, block.get("source"), _SOURCES[kind])
    data = string(f"{at}.{_DATA[form]}", source.get(_DATA[form]))
    if form != "url":
        word(f"{at}.media_type", source.get("media_type"), _MEDIA_TYPES[kind, form])
    read = data if form == "text" else ""
    return _Content("".join([*titles, read]), 0 if form == "text" else 1)
