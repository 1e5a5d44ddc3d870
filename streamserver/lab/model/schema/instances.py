"""Makes a value that is valid against the schemas of a document.

Schemas that hold together (``$ref``, ``allOf``) are gathered, a branch of each ``anyOf`` and
``oneOf`` is chosen, and a value of one type is made that all of them allow. If that fails, the next
branch is tried. Far down, the lowest branches are chosen and what is optional is left out, so that
recursive schemas end.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, TypeAlias

from streamserver.lab.model.schema.document import (
    MAX_DEPTH,
    TYPES,
    Document,
    Plain,
    Schema,
    SchemaError,
    TooManySteps,
    types_of,
)
from streamserver.lab.model.schema.scalars import Context, limits, number, string
from streamserver.lab.model.schema.validation import Validation, identity

MAX_STEPS = 4000
"""Values that are made or compared, all attempts included."""
_PER_STEP = 20
"""Schemas that hold together, whose keywords are read in the time of one step."""
_DEEP = 4
"""Levels from which on values are as low as possible."""
_OPTIONAL = 0.75
"""Share of the optional properties that a value has."""
_REPEATS = 40
_ATTEMPTS = 10
_HINTS = {
    "object": ("properties", "required", "additionalProperties", "minProperties", "maxProperties"),
    "array": ("items", "prefixItems", "minItems", "maxItems", "uniqueItems"),
    "string": ("minLength", "maxLength", "pattern", "format"),
    "number": ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
}
"""Keywords from which a type is concluded if none is given."""


Path: TypeAlias = tuple[Plain, ...]
"""The schemas that lead to one and hold for the same value, then that schema."""


@dataclass(slots=True)
class _Gathered:
    """Schemas that must all hold, with their references followed."""

    plain: dict[int, Plain] = field(default_factory=dict)
    """The ones whose own keywords hold, by their ids."""
    choices: list[tuple[Path, str]] = field(default_factory=list)
    """Paths to an ``anyOf`` or ``oneOf`` of which no branch is chosen yet, and its name."""

    def copy(self) -> "_Gathered":
        """A copy, to which a branch can be added."""
        return _Gathered({**self.plain}, [*self.choices])


class Maker:
    """Makes one value."""

    def __init__(self, document: Document, random: Random, most: int = MAX_STEPS) -> None:
        self.steps = 0
        """The steps that were taken, of ``most``."""
        self._most = most
        self._document = document
        self._random = random
        self._context = Context(document, random, self._spend)
        self._validation = Validation(document, self._spend)

    def make(self) -> object:
        """The value; SchemaError if there is none within the limits."""
        for schema in self._document.roots:
            if self._document.height(schema) > MAX_DEPTH and not isinstance(schema, bool):
                raise self._document.error(schema, "$ref", "has no value that ends")
        return self._value(self._document.roots, 0)

    def _spend(self, steps: int) -> None:
        self.steps += steps
        if self.steps > self._most:
            raise TooManySteps

    def _value(self, schemas: Collection[Schema], depth: int) -> object:
        self._spend(len(schemas) // _PER_STEP)
        if depth > MAX_DEPTH:
            raise SchemaError(f"a value is nested in more than {MAX_DEPTH} levels")
        gathered = _Gathered()
        for schema in schemas:
            self._gather(schema, gathered)
        return self._chosen(gathered, depth)

    def _gather(self, schema: Schema, into: _Gathered, path: Path = ()) -> None:
        if schema is False:
            raise SchemaError("a schema that is false allows no value")
        if isinstance(schema, bool):
            return
        if any(schema is one for one in path):
            raise self._document.error(schema, "$ref", "leads back to the same value")
        if id(schema) in into.plain:
            return
        self._spend(1)
        into.plain[id(schema)] = schema
        path = (*path, schema)
        if "$ref" in schema:
            self._gather(self._document.target(schema), into, path)
        for one in schema.get("allOf", ()):
            self._gather(one, into, path)
        into.choices += [(path, one) for one in ("anyOf", "oneOf") if one in schema]

    def _chosen(self, gathered: _Gathered, depth: int) -> object:
        """A value, with a branch of each choice."""
        self._spend(1 + len(gathered.plain) // _PER_STEP)
        if not gathered.choices:
            return self._plain([*gathered.plain.values()], depth)
        path, keyword = gathered.choices[0]
        branches = self._ordered(path[-1][keyword], depth)

        def attempt(branch: Schema) -> object:
            state = gathered.copy()
            del state.choices[0]
            self._gather(branch, state, path)
            value = self._chosen(state, depth)
            if keyword == "oneOf" and not self._validation.is_valid_for_one(branches, value):
                raise self._document.error(path[-1], keyword, "has branches that allow the same")
            return value

        # Another value of a branch of ``oneOf`` may be valid for this one alone.
        return _first(branches * (_ATTEMPTS if keyword == "oneOf" else 1), attempt)

    def _ordered(self, branches: Sequence[Schema], depth: int) -> list[Schema]:
        shuffled = self._random.sample(branches, len(branches))
        is_low = depth >= _DEEP or self.steps > self._most // 2
        return sorted(shuffled, key=self._document.height) if is_low else shuffled

    def _plain(self, schemas: list[Plain], depth: int) -> object:
        """A value that the keywords of all schemas allow."""
        for schema in schemas:
            if "const" in schema or "enum" in schema:
                return self._listed(schema, schemas)
        types = self._types(schemas)
        ordered = self._random.sample(types, len(types))
        if depth >= _DEEP:
            ordered.sort(key=lambda kind: kind in ("object", "array"))
        return _first(ordered, lambda kind: self._of_type(kind, schemas, depth))

    def _listed(self, schema: Plain, schemas: list[Plain]) -> object:
        keyword = "const" if "const" in schema else "enum"
        values = [schema["const"]] if keyword == "const" else schema["enum"]
        self._spend(len(values) // 20)
        for value in self._random.sample(values, len(values)):
            if all(self._validation.is_valid(one, value) for one in schemas):
                return value
        raise self._document.error(schema, keyword, "has no value that the other keywords allow")

    def _types(self, schemas: list[Plain]) -> list[str]:
        """The types that all schemas allow, in a fixed order."""
        allowed = TYPES
        for schema in schemas:
            if (given := types_of(schema)) is not None:
                allowed = allowed & (given | ({"integer"} if "number" in given else set()))
                if not allowed:
                    raise self._document.error(schema, "type", "contradicts another type")
        if allowed == TYPES:
            hinted = [
                kind
                for kind, keywords in _HINTS.items()
                if any(keyword in schema for schema in schemas for keyword in keywords)
            ]
            return hinted or ["string"]
        return sorted(allowed - {"integer"} if "number" in allowed else allowed)

    def _of_type(self, kind: str, schemas: list[Plain], depth: int) -> object:
        if kind == "object":
            return self._object(schemas, depth)
        if kind == "array":
            return self._array(schemas, depth)
        if kind == "string":
            return string(self._context, schemas)
        if kind in ("number", "integer"):
            return number(self._context, schemas, is_whole=kind == "integer")
        return None if kind == "null" else self._random.random() < 0.5

    def _array(self, schemas: list[Plain], depth: int) -> list[object]:
        least, most = limits(self._context, schemas, "Items", MAX_STEPS)
        self._spend(least)
        prefix = max([len(schema.get("prefixItems", ())) for schema in schemas])
        usual = prefix if prefix else self._random.randint(1, 3)
        count = least if depth >= _DEEP else max(least, min(most, usual))
        is_unique = any(schema.get("uniqueItems") for schema in schemas)
        known: set[object] | None = set() if is_unique else None
        found: list[object] = []
        for n in range(count):
            try:
                item = self._item([_item_schema(one, n) for one in schemas], depth, known)
            except SchemaError:
                if n >= least:
                    break
                raise
            found.append(item)
        return found

    def _item(self, schemas: list[Schema], depth: int, known: set[object] | None) -> object:
        """An item that is none of the known ones, and is added to them."""
        for _ in range(_REPEATS):
            item = self._value(schemas, depth + 1)
            if known is None:
                return item
            if (same := identity(item, self._spend)) not in known:
                known.add(same)
                return item
        raise SchemaError("uniqueItems: there are too few different items")

    def _object(self, schemas: list[Plain], depth: int) -> dict[str, object]:
        least, most = limits(self._context, schemas, "Properties", MAX_STEPS)
        for schema in schemas:
            self._spend((len(schema.get("required", ())) + len(schema.get("properties", ()))) // 10)
        required = {name for schema in schemas for name in schema.get("required", ())}
        known = dict.fromkeys([name for one in schemas for name in one.get("properties", ())])
        extra = ([one for one in schemas if "required" in one] or schemas)[0]
        if len(required) > most:
            raise self._document.error(extra, "required", "has more names than maxProperties")
        found: dict[str, object] = {}
        left, pending = most - len(required), len(required)
        for name in [*known, *sorted(required - known.keys()), *self._names(schemas, known, least)]:
            if name in required:
                pending -= 1
            else:
                is_wanted = len(found) + pending < least or (
                    depth < _DEEP and self._random.random() < _OPTIONAL
                )
                if not left or not is_wanted:
                    continue
            try:
                found[name] = self._value(_property_schemas(schemas, name), depth + 1)
            except SchemaError:
                if name in required:
                    raise
                continue
            left -= name not in required
        if len(found) < least:
            raise self._document.error(extra, "minProperties", "is more than there can be")
        return found

    def _names(self, schemas: list[Plain], known: Mapping[str, object], least: int) -> list[str]:
        """Names of additional properties, of an object without others or of too few."""
        is_map = any(isinstance(one.get("additionalProperties"), dict) for one in schemas)
        self._spend(least)
        count = max(least, 2 if is_map and not known else 0)
        return [name for n in range(1, count + 1) if (name := f"key{n}") not in known]


def _item_schema(schema: Plain, number: int) -> Schema:
    """The schema of the item with this number."""
    prefix = schema.get("prefixItems", ())
    found: Schema = prefix[number] if number < len(prefix) else schema.get("items", True)
    return found


def _property_schemas(schemas: list[Plain], name: str) -> list[Schema]:
    """The schemas of the property with this name."""
    return [
        one.get("properties", {}).get(name, one.get("additionalProperties", True))
        for one in schemas
    ]


def _first(options: Iterable[Any], attempt: Callable[[Any], object]) -> object:
    """The result of the first attempt that does not fail."""
    failed = SchemaError("there are no types in common")
    for option in options:
        try:
            return attempt(option)
        except SchemaError as error:
            failed = error
    raise failed
