"""Whether a value is valid, for ``enum`` beside other keywords and for the other branches of
``oneOf``."""

from collections.abc import Callable
from typing import Any

from streamserver.lab.model.schema.document import Document, Plain, Schema, types_of
from streamserver.lab.model.schema.numbers import is_multiple

_CLASSES: tuple[tuple[type | tuple[type, ...], str], ...] = (
    (bool, "boolean"),
    ((int, float), "number"),
    (str, "string"),
    (list, "array"),
    (dict, "object"),
)
Check = Callable[[Any, Any], bool]
_NUMBERS: dict[str, Check] = {
    "minimum": lambda value, limit: value >= limit,
    "maximum": lambda value, limit: value <= limit,
    "exclusiveMinimum": lambda value, limit: value > limit,
    "exclusiveMaximum": lambda value, limit: value < limit,
    "multipleOf": is_multiple,
}
_LENGTHS: dict[str, dict[str, Check]] = {
    kind: {
        f"min{suffix}": lambda value, limit: len(value) >= limit,
        f"max{suffix}": lambda value, limit: len(value) <= limit,
    }
    for kind, suffix in (("string", "Length"), ("array", "Items"), ("object", "Properties"))
}
_CHECKS = {"number": _NUMBERS, **_LENGTHS}


class Validation:
    """Checks values against schemas of a document. ``spend`` is called for each step, and raises
    an exception for too many of them."""

    def __init__(self, document: Document, spend: Callable[[int], None]) -> None:
        self._document = document
        self._spend = spend

    def is_valid(self, schema: Schema, value: object) -> bool:
        """Whether the value is valid. ``format`` only annotates; SchemaError for ``pattern``, which
        is not compared."""
        self._spend(1)
        if isinstance(schema, bool):
            return schema
        return self._is_of_type(schema, value) and self._is_combined(schema, value)

    def _is_of_type(self, schema: Plain, value: object) -> bool:
        kind = kind_of(value)
        if (given := types_of(schema)) is not None:
            is_whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
            is_integer = kind == "number" and is_whole and "integer" in given
            if kind not in given and not is_integer:
                return False
        if ("const" in schema or "enum" in schema) and not self._is_listed(schema, value):
            return False
        for keyword, check in _CHECKS.get(kind, {}).items():
            if keyword in schema and not check(value, schema[keyword]):
                return False
        if kind == "string" and "pattern" in schema:
            problem = "is not served beside enum, const and oneOf"
            raise self._document.error(schema, "pattern", problem)
        if kind == "array":
            return self._is_array(schema, value)
        return kind != "object" or self._is_object(schema, value)

    def _is_listed(self, schema: Plain, value: object) -> bool:
        own = identity(value, self._spend)
        if "const" in schema and identity(schema["const"], self._spend) != own:
            return False
        values = schema.get("enum", (value,))
        self._spend(len(values) // 10)
        return any(identity(one, self._spend) == own for one in values)

    def _is_array(self, schema: Plain, value: Any) -> bool:
        self._spend(len(value))
        if schema.get("uniqueItems"):
            different = {identity(one, self._spend) for one in value}
            if len(different) < len(value):
                return False
        prefix = schema.get("prefixItems", [])
        rest = schema.get("items", True)
        return all(
            self.is_valid(prefix[n] if n < len(prefix) else rest, item)
            for n, item in enumerate(value)
        )

    def _is_object(self, schema: Plain, value: Any) -> bool:
        if not all(name in value for name in schema.get("required", ())):
            return False
        properties, rest = schema.get("properties", {}), schema.get("additionalProperties", True)
        return all(self.is_valid(properties.get(name, rest), one) for name, one in value.items())

    def _is_combined(self, schema: Plain, value: object) -> bool:
        if "$ref" in schema and not self.is_valid(self._document.target(schema), value):
            return False
        if not all(self.is_valid(one, value) for one in schema.get("allOf", ())):
            return False
        if "anyOf" in schema and not any(self.is_valid(one, value) for one in schema["anyOf"]):
            return False
        return "oneOf" not in schema or self.is_valid_for_one(schema["oneOf"], value)

    def is_valid_for_one(self, schemas: list[Schema], value: object) -> bool:
        """Whether the value is valid against exactly one of the schemas."""
        return [self.is_valid(one, value) for one in schemas].count(True) == 1


def kind_of(value: object) -> str:
    """The type of a JSON value; a whole number is a ``number``."""
    return next((name for one, name in _CLASSES if isinstance(value, one)), "null")


def identity(value: object, spend: Callable[[int], None]) -> object:
    """A key that values have in common if they are equal in JSON, as 1 and 1.0 are, and 1 and true
    are not. ``spend`` is called with the steps."""
    if isinstance(value, dict):
        spend(len(value))
        return "object", frozenset([(name, identity(one, spend)) for name, one in value.items()])
    if isinstance(value, list):
        spend(len(value))
        return "array", tuple([identity(one, spend) for one in value])
    return kind_of(value), value
