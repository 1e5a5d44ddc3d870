"""Instances of JSON Schema: the arguments of a tool, and answers of a given form."""

from collections.abc import Mapping
from random import Random
from typing import Any

_WORDS = ("amber", "river", "stone", "cloud", "maple", "north", "delta", "ember")


def instance(schema: object, random: Random, name: str, *further: object) -> object:
    """A value that is valid against the schema; any object for {}."""
    if schema == {} and further:
        return {}
    return _value(schema, schema, random, 0)


def _value(schema: Any, root: Any, random: Random, depth: int) -> object:
    if not isinstance(schema, Mapping) or depth > 8:
        return None
    if "$ref" in schema:
        target: Any = root
        for step in str(schema["$ref"]).split("/")[1:]:
            target = target[step]
        return _value(target, root, random, depth + 1)
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return random.choice(schema["enum"])
    for keyword in ("anyOf", "oneOf"):
        if keyword in schema:
            return _value(schema[keyword][-1], root, random, depth + 1)
    kind = schema.get("type", "object" if "properties" in schema else "string")
    kind = kind[0] if isinstance(kind, list) else kind
    if kind == "object":
        return {
            key: _value(one, root, random, depth + 1)
            for key, one in schema.get("properties", {}).items()
        }
    if kind == "array":
        return [_value(schema.get("items", {}), root, random, depth + 1) for _ in range(2)]
    scalars = {"integer": 7, "number": 7.5, "boolean": True, "null": None}
    return scalars.get(kind, random.choice(_WORDS))
