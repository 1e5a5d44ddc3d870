"""The parts of which the JSON Schemas of reports are made; ``about`` describes the value."""

from typing import Any

Schema = dict[str, Any]


def document(title: str, about: str, members: dict[str, Schema], **definitions: Schema) -> Schema:
    """The schema of an object as a document (draft 2020-12), with the definitions that it uses."""
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": title}
    return head | object(about, members) | ({"$defs": definitions} if definitions else {})


def object(about: str, members: dict[str, Schema]) -> Schema:
    """An object with these members, all of which are required."""
    return _described("object", about) | {"properties": members, "required": [*members]}


def map(about: str, values: Schema) -> Schema:
    """An object with any members."""
    return _described("object", about) | {"additionalProperties": values}


def list(about: str, items: Schema) -> Schema:
    """A list."""
    return _described("array", about) | {"items": items}


def count(about: str) -> Schema:
    """A number of things."""
    return _described("integer", about) | {"minimum": 0}


def number(about: str) -> Schema:
    """A number."""
    return _described("number", about)


def string(about: str) -> Schema:
    """A text."""
    return _described("string", about)


def boolean(about: str) -> Schema:
    """True or false."""
    return _described("boolean", about)


def _described(kind: str, about: str) -> Schema:
    return {"type": kind} | ({"description": about} if about else {})


def nullable(schema: Schema) -> Schema:
    """What the schema describes, or null."""
    return schema | {"type": [schema["type"], "null"]}
