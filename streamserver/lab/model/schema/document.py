"""A JSON Schema, checked: its keywords, its references and its size."""

from collections.abc import Callable, Iterator, Mapping
from math import inf, isfinite
from typing import Any, TypeAlias
from urllib.parse import unquote

from streamserver.lab.model.schema.patterns import check_pattern

Plain: TypeAlias = Mapping[str, Any]
Schema: TypeAlias = Plain | bool

MAX_SCHEMAS = 2000
MAX_DEPTH = 64
"""Levels of schemas within schemas, and of values within values."""
MAX_HEIGHTS = 20_000
"""Heights that are computed, so that many schemas have few levels of references."""
MAX_ENUM = 1000
MAX_LISTED = 20_000
"""Values of all ``enum``, names of all ``required``, and characters of all patterns."""
TYPES = frozenset({"null", "boolean", "object", "array", "string", "number", "integer"})
REFUSED = frozenset(
    {
        *("not", "if", "then", "else", "dependentRequired", "dependentSchemas", "dependencies"),
        *("patternProperties", "propertyNames", "contains", "minContains", "maxContains"),
        *("unevaluatedItems", "unevaluatedProperties", "additionalItems"),
        *("$dynamicRef", "$recursiveRef"),
    }
)
"""Keywords that restrict a value in a way that is not served. Others that are unknown annotate."""


class SchemaError(Exception):
    """A schema is not served, or a value cannot be made; the text names the keyword and where."""


class TooManySteps(Exception):
    """The limit of steps is reached, so nothing else is tried."""


def _is_count(value: object) -> bool:
    return type(value) is int and 0 <= value <= 2**53


def _is_number(value: object) -> bool:
    # By `type`: True is an int in Python, but not in JSON.
    if type(value) is int:
        return abs(value) < 2**1023
    return type(value) is float and isfinite(value)


def _are_types(value: object) -> bool:
    given = value if isinstance(value, list) else [value]
    is_short = 1 <= len(given) <= len(TYPES)
    return is_short and all(isinstance(one, str) and one in TYPES for one in given)


def _are_names(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


_COUNT = (_is_count, "a whole number from 0 on")
_NUMBER = (_is_number, "a number")
_CHECKS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "type": (_are_types, "one of " + ", ".join(sorted(TYPES)) + ", or a list of them"),
    "enum": (
        lambda value: isinstance(value, list) and 1 <= len(value) <= MAX_ENUM,
        f"a list of 1 to {MAX_ENUM} values",
    ),
    "required": (_are_names, "a list of names"),
    "format": (lambda value: isinstance(value, str), "a text"),
    "uniqueItems": (lambda value: isinstance(value, bool), "true or false"),
    "multipleOf": (lambda value: _is_number(value) and value > 0, "a number above 0"),
    **dict.fromkeys(("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"), _NUMBER),
    **dict.fromkeys(("minLength", "maxLength", "minItems", "maxItems"), _COUNT),
    **dict.fromkeys(("minProperties", "maxProperties"), _COUNT),
}
_MAPS, _LISTS = ("properties", "$defs", "definitions"), ("anyOf", "oneOf", "allOf", "prefixItems")
_SINGLES = ("items", "additionalProperties")
_FORMS = {
    **dict.fromkeys(_MAPS, "an object of schemas"),
    **dict.fromkeys(_LISTS, "a list of schemas"),
    **dict.fromkeys(_SINGLES, "a schema"),
}


class Document:
    """A schema whose keywords are checked, and further schemas that hold beside it; SchemaError
    for keywords that are wrong or not served."""

    def __init__(self, *roots: Schema) -> None:
        self.roots = roots
        self.schemas: list[Plain] = []
        """All schemas that are objects, each before those within it."""
        self._count = self._listed = 0
        self._places: dict[int, tuple[int, str]] = {}
        self._targets: dict[int, Schema] = {}
        for root in roots:
            self._check(root)
        for schema in self.schemas:
            if "$ref" in schema:
                self._targets[id(schema)] = self._resolve(schema)
        self._heights = self._compute_heights() if self._targets else {}

    def target(self, schema: Plain) -> Schema:
        """The schema that ``$ref`` refers to."""
        return self._targets[id(schema)]

    def height(self, schema: Schema) -> float:
        """Levels of the lowest value, as far as references have an influence on it; infinity if a
        value never ends."""
        return self._heights.get(id(schema), 0)

    def error(self, schema: Plain, keyword: str, problem: str) -> SchemaError:
        """An error about a keyword, with its place."""
        return SchemaError(f"{keyword} at {self._place(schema)} {problem}")

    def _place(self, schema: Plain) -> str:
        names: list[str] = []
        at = id(schema)
        while at in self._places:
            at, name = self._places[at]
            names.append(name)
        return ascii("/".join(["#", *reversed(names)]))[1:-1]

    def _check(self, root: Schema) -> None:
        level = [root]
        for _ in range(MAX_DEPTH):
            objects = [schema for schema in level if not isinstance(schema, bool)]
            self.schemas += objects
            level = [one for schema in objects for one in self._check_object(schema)]
            if not level:
                return
        raise SchemaError(f"schemas are nested in more than {MAX_DEPTH} levels")

    def _check_object(self, schema: Plain) -> Iterator[Schema]:
        """The schemas within it."""
        for keyword, value in schema.items():
            if keyword in REFUSED:
                raise self.error(schema, keyword, "is not served")
            if keyword in _CHECKS:
                is_allowed, allowed = _CHECKS[keyword]
                if not is_allowed(value):
                    raise self.error(schema, keyword, f"must be {allowed}")
            if keyword in ("enum", "required", "pattern"):
                self._check_length(schema, keyword, value)
            if keyword == "pattern" and (problem := check_pattern(value)):
                raise self.error(schema, keyword, problem)
            if keyword in _FORMS:
                yield from self._within(schema, keyword, value)

    def _check_length(self, schema: Plain, keyword: str, value: object) -> None:
        self._listed += len(value) if isinstance(value, str | list) else 0
        if self._listed > MAX_LISTED:
            what = "values of enum, names of required and characters of pattern in all"
            problem = f"is too long: there are at most {MAX_LISTED} {what}"
            raise self.error(schema, keyword, problem)

    def _within(self, schema: Plain, keyword: str, value: object) -> Iterator[Schema]:
        found: Plain = {keyword: value}
        if keyword in _MAPS:
            found = value if isinstance(value, dict) else {"": None}
        elif keyword in _LISTS:
            listed = value if isinstance(value, list) and value else [None]
            found = {str(n): one for n, one in enumerate(listed)}
        for name, one in found.items():
            if not isinstance(one, dict | bool):
                raise self.error(schema, keyword, f"must be {_FORMS[keyword]}")
            self._count += 1
            if self._count > MAX_SCHEMAS:
                raise SchemaError(f"there are more than {MAX_SCHEMAS} schemas within the schema")
            if isinstance(one, dict):
                escaped = name[:40].replace("~", "~0").replace("/", "~1")
                path = keyword if keyword in _SINGLES else f"{keyword}/{escaped}"
                self._places[id(one)] = id(schema), path
            yield one

    def _resolve(self, schema: Plain) -> Schema:
        reference = schema["$ref"]
        target: object = self.roots[0]
        if isinstance(reference, str) and (reference == "#" or reference.startswith("#/")):
            for name in unquote(reference).split("/")[1:]:
                key = name.replace("~1", "/").replace("~0", "~")
                if isinstance(target, list):
                    is_index = key.isdecimal() and len(key) < 6 and int(key) < len(target)
                    target = target[int(key)] if is_index else None
                else:
                    target = target.get(key) if isinstance(target, dict) else None
            is_schema = target is self.roots[0] or id(target) in self._places
            if isinstance(target, bool) or (isinstance(target, dict) and is_schema):
                return target
        problem = f"must refer to a schema of this document, not {str(reference)[:40]!a}"
        raise self.error(schema, "$ref", problem)

    def _compute_heights(self) -> dict[int, float]:
        """The heights, computed until they are the same again."""
        found: dict[int, float] = {id(schema): inf for schema in self.schemas}
        for _ in range(min(MAX_DEPTH, MAX_HEIGHTS // len(self.schemas))):
            is_same = True
            for schema in reversed(self.schemas):
                height = self._height_of(schema, found)
                is_same &= height == found[id(schema)]
                found[id(schema)] = height
            if is_same:
                return found
        raise SchemaError("$ref: there are references in too many levels")

    def _height_of(self, schema: Plain, found: Mapping[int, float]) -> float:
        def height(one: Schema) -> float:
            return found.get(id(one), 0)

        if "enum" in schema or "const" in schema:
            return 0
        types = types_of(schema)
        needed = [height(self.target(schema))] if "$ref" in schema else []
        needed += map(height, schema.get("allOf", ()))
        for keyword in ("anyOf", "oneOf"):
            if keyword in schema:
                needed.append(min(map(height, schema[keyword])))
        properties = schema.get("properties", {})
        within = [height(properties[n]) for n in schema.get("required", ()) if n in properties]
        if count := schema.get("minItems", 0):
            prefix = schema.get("prefixItems", ())[:count]
            within += map(height, prefix)
            if len(prefix) < count:
                within.append(height(schema.get("items", True)))
        may_be_flat = types is not None and not types <= {"object", "array"}
        needed.append(1 + max(within) if within and not may_be_flat else 0)
        return max(needed)


def types_of(schema: Plain) -> set[str] | None:
    """The types that ``type`` allows; None without it."""
    if "type" not in schema:
        return None
    return set(schema["type"] if isinstance(schema["type"], list) else [schema["type"]])
