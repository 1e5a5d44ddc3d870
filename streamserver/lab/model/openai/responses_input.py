"""The input of a response: a text, or a list of items, read as a conversation."""

from collections.abc import Callable, Mapping
from typing import Any

from streamserver.lab.model.asked import Message
from streamserver.lab.model.members import wrong
from streamserver.lab.model.reading import MAX_OBJECTS, Form, Reading, items, string, word

ROLES = ("user", "assistant", "system", "developer")
_ITEMS = {
    "message": Form(("role", "content"), ("id", "status", "phase")),
    "function_call": Form(("call_id", "name", "arguments"), ("id", "status")),
    "function_call_output": Form(("call_id", "output"), ("id", "status")),
    "reasoning": Form(("summary", "content"), ("id", "status", "encrypted_content")),
    "item_reference": Form((), ("id",)),
}
_PARTS = {
    "input_text": Form(("text",), ("prompt_cache_breakpoint",)),
    "input_image": Form(("image_url", "file_id"), ("detail", "prompt_cache_breakpoint")),
    "output_text": Form(("text",), ("annotations", "logprobs")),
    "refusal": Form(("refusal",)),
}
_SUMMARY = {"summary_text": Form(("text",))}
_REASONING = {"reasoning_text": Form(("text",))}


def read_input(reading: Reading, value: object) -> list[Message]:
    """The conversation; HTTPError 400 that names a wrong item."""
    if isinstance(value, str):
        return [Message("user", value)]
    if not isinstance(value, list) or not value:
        raise wrong("input", "a text or a list of items")
    given = items("input", value, MAX_OBJECTS, "items")
    return [_read_item(reading, path, item) for path, item in given]


def _read_item(reading: Reading, path: str, value: object) -> Message:
    typed = {"type": "message", **value} if isinstance(value, dict) else value
    kind, item = reading.typed(path, typed, _ITEMS)
    return _READERS[kind](reading, path, item)


def _message(reading: Reading, path: str, item: Mapping[str, Any]) -> Message:
    role = word(f"{path}.role", item.get("role"), ROLES)
    return _content(reading, f"{path}.content", role, item.get("content"))


def _call(reading: Reading, path: str, item: Mapping[str, Any]) -> Message:
    string(f"{path}.call_id", item.get("call_id"))
    name = string(f"{path}.name", item.get("name"))
    return Message("assistant", name + string(f"{path}.arguments", item.get("arguments")))


def _output(reading: Reading, path: str, item: Mapping[str, Any]) -> Message:
    string(f"{path}.call_id", item.get("call_id"))
    return _content(reading, f"{path}.output", "tool", item.get("output"))


def _reasoning(reading: Reading, path: str, item: Mapping[str, Any]) -> Message:
    """An item of earlier reasoning, which is not part of the input."""
    for member, forms in (("summary", _SUMMARY), ("content", _REASONING)):
        for at, part in items(f"{path}.{member}", item.get(member), MAX_OBJECTS, "parts"):
            string(f"{at}.text", reading.typed(at, part, forms)[1].get("text"))
    return Message("assistant", "")


def _reference(reading: Reading, path: str, item: Mapping[str, Any]) -> Message:
    """An item of an earlier answer, of which this model keeps none."""
    return Message("assistant", "")


_READERS: dict[str, Callable[[Reading, str, Mapping[str, Any]], Message]] = {
    "message": _message,
    "function_call": _call,
    "function_call_output": _output,
    "reasoning": _reasoning,
    "item_reference": _reference,
}


def _content(reading: Reading, path: str, role: str, content: object) -> Message:
    if isinstance(content, str):
        return Message(role, content)
    if not isinstance(content, list):
        raise wrong(path, "a text or a list of parts")
    texts, images = [], 0
    for at, value in items(path, content, MAX_OBJECTS, "parts"):
        kind, part = reading.typed(at, value, _PARTS)
        if kind == "input_image":
            name = "file_id" if "file_id" in part else "image_url"
            string(f"{at}.{name}", part.get(name))
            images += 1
        else:
            name = "refusal" if kind == "refusal" else "text"
            texts.append(string(f"{at}.{name}", part.get(name)))
    return Message(role, "".join(texts), images)
