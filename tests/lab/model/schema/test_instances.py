"""Instances of schemas are valid for another implementation of JSON Schema."""

import contextlib
import json
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from streamserver.lab.model.schema import Form
from streamserver.lab.model.schema.strings import FORMATS
from streamserver.wire.problem import HTTPError

SEEDS = range(8)


def made(schema: Any, seed: int = 0) -> Any:
    return json.loads(Form(schema, "form").instance(Random(seed)))


def faults(schema: Any, value: Any) -> list[str]:
    validator = Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)
    return [error.message for error in validator.iter_errors(value)]


def an_object(required: list[str] | None = None, **properties: Any) -> dict[str, Any]:
    needed = [*properties] if required is None else required
    found = {"type": "object", "properties": properties, "required": needed}
    return found | {"additionalProperties": False}


TEXT, WHOLE, NUMBER = {"type": "string"}, {"type": "integer"}, {"type": "number"}
NODE = an_object(value=WHOLE, children={"type": "array", "items": {"$ref": "#/$defs/node"}})
TREE = {"$ref": "#/$defs/node", "$defs": {"node": NODE}}
CHAIN = an_object(next={"anyOf": [{"$ref": "#"}, {"type": "null"}]})
WIDE = {
    "type": ["object", "null"],
    "properties": {name: {"$ref": "#"} for name in "abcdefgh"},
    "required": [*"abcdefgh"],
}
STEP = an_object(explanation=TEXT, output=TEXT)
SHAPES = {
    "oneOf": [
        an_object(kind={"const": "circle"}, radius=NUMBER),
        an_object(kind={"const": "square"}, side=NUMBER),
    ]
}

SERVED: list[Any] = [
    {},
    True,
    TEXT,
    WHOLE,
    NUMBER,
    {"type": "boolean"},
    {"type": "null"},
    {"type": ["string", "null"]},
    {"enum": ["a", 1, None, {"b": [2]}]},
    {"const": {"a": [1, 2.5]}},
    {"type": "string", "enum": ["a", 7, "b"]},
    {"type": "integer", "enum": [True, 1.5, 2.0]},
    {"minimum": 3},
    {"type": "integer", "minimum": 3, "maximum": 3},
    {"type": "integer", "exclusiveMinimum": -5, "exclusiveMaximum": -3},
    {"type": "integer", "maximum": -100},
    {"type": "integer", "minimum": 10**30},
    {"type": "number", "minimum": 0.1, "maximum": 0.10001},
    {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1e-9},
    {"type": "number", "exclusiveMaximum": 0},
    {"type": "number", "minimum": 1e300},
    {"type": "number", "minimum": 0, "exclusiveMinimum": 0, "maximum": 0.1},
    {"type": "number", "multipleOf": 0.1},
    {"type": "number", "multipleOf": 0.01, "minimum": 3, "maximum": 4},
    {"type": "integer", "multipleOf": 7, "minimum": 50, "maximum": 60},
    {"allOf": [{"type": "number", "multipleOf": 4}, {"multipleOf": 6}, {"minimum": 1}]},
    {"type": "string", "minLength": 40},
    {"type": "string", "maxLength": 0},
    {"type": "string", "minLength": 3, "maxLength": 3},
    *[{"type": "string", "format": name} for name in FORMATS],
    {"type": "string", "format": "no such format"},
    {"type": "integer", "format": "int32"},
    {"type": "string", "pattern": "^[A-Z]{3}-\\d+$", "minLength": 12, "maxLength": 12},
    {"type": "array", "items": WHOLE},
    {"type": "array", "minItems": 7, "maxItems": 7, "items": {"type": "boolean"}},
    {"type": "array", "maxItems": 0},
    {"type": "array", "uniqueItems": True, "minItems": 3, "items": {"enum": [1, 2, 3]}},
    {"type": "array", "uniqueItems": True, "items": {"type": "null"}},
    {"prefixItems": [TEXT, WHOLE], "items": False, "minItems": 2},
    {"items": False},
    an_object(),
    an_object(a=TEXT, b={"type": ["integer", "null"]}),
    an_object(["b"], a=TEXT, b=WHOLE),
    {"required": ["a", "b"], "properties": {"a": WHOLE}},
    {"type": "object", "additionalProperties": WHOLE},
    {"type": "object", "minProperties": 3, "additionalProperties": TEXT},
    {"type": "object", "maxProperties": 1, "properties": {"a": {}, "b": {}, "c": {}}},
    {"properties": {"a": False}},
    TREE,
    CHAIN,
    WIDE,
    an_object(steps={"type": "array", "items": STEP}, answer=TEXT),
    SHAPES,
    {"anyOf": [{"type": "string", "minLength": 9}, {"type": "integer"}], "maxLength": 5},
    {"anyOf": [False, WHOLE]},
    {"type": "object", "anyOf": [{"required": ["a"]}, {"required": ["b"]}]},
    {"oneOf": [{"type": "integer", "minimum": 5}, {"type": "integer", "multipleOf": 2}]},
    {"allOf": [{"properties": {"a": WHOLE}}, {"properties": {"a": {"minimum": 7}}}]},
    {"allOf": [{"anyOf": [TEXT, WHOLE]}, {"anyOf": [WHOLE, {"type": "null"}]}]},
    {"$ref": "#/$defs/a~1b%25", "$defs": {"a/b%": TEXT}},
    {"$ref": "#/definitions/a/items", "definitions": {"a": {"items": WHOLE}}},
    {"$ref": "#/$defs/a", "minimum": 5, "$defs": {"a": WHOLE}},
    {"title": "a", "description": "b", "default": 1, "examples": [], "x-own": {}, "nullable": 1},
]


@pytest.mark.parametrize("schema", SERVED, ids=str)
def test_an_instance_is_valid(schema: Any) -> None:
    for seed in SEEDS:
        value = made(schema, seed)
        assert faults(schema, value) == [], value


def test_instances_differ_and_repeat() -> None:
    schema = an_object(name=TEXT, tags={"type": "array", "items": TEXT}, size=NUMBER)
    form = Form(schema, "form")
    values = [form.instance(Random(seed)) for seed in range(20)]
    assert len(set(values)) > 15
    assert [form.instance(Random(seed)) for seed in range(20)] == values


def test_further_schemas_hold_too() -> None:
    assert Form({}, "f", {"type": "object"}).instance(Random(1)) == "{}"
    with pytest.raises(HTTPError, match="type at # contradicts another type"):
        Form({"type": "string"}, "f", {"type": "object"}).instance(Random(1))


def test_a_branch_that_leads_back_is_not_taken() -> None:
    """Other implementations do not end there."""
    schema = {"anyOf": [{"$ref": "#"}, WHOLE]}
    assert [type(made(schema, seed)) for seed in SEEDS] == [int] * len(SEEDS)


# Any schema

COUNTS = st.integers(0, 4)
LIMITS = st.one_of(st.integers(-9, 9), st.floats(-2, 2))
NAMES = st.sampled_from(["a", "b", "c"])
KEYWORDS = {
    "type": st.sampled_from(
        ["string", "integer", "number", "boolean", "null", "array", "object", ["string", "null"]]
    ),
    "enum": st.lists(st.one_of(st.integers(0, 3), NAMES, st.none(), st.booleans()), min_size=1),
    "required": st.lists(NAMES, unique=True),
    "multipleOf": st.sampled_from([1, 2, 3, 0.5, 0.1]),
    "format": st.sampled_from([*FORMATS]),
    "pattern": st.sampled_from(["^[a-f]+$", "^\\d{2,4}$", "x|y"]),
    "uniqueItems": st.booleans(),
    **dict.fromkeys(("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"), LIMITS),
    **dict.fromkeys(("minLength", "maxLength", "minItems", "maxItems"), COUNTS),
    **dict.fromkeys(("minProperties", "maxProperties"), st.integers(0, 2)),
}


def larger(schemas: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    several = st.lists(schemas, min_size=1, max_size=3)
    within = {
        "properties": st.dictionaries(NAMES, schemas, max_size=3),
        **dict.fromkeys(("items", "additionalProperties"), schemas),
        **dict.fromkeys(("anyOf", "oneOf", "allOf", "prefixItems"), several),
        "$ref": st.sampled_from(["#", "#/$defs/a", "#/$defs/b"]),
    }
    return st.fixed_dictionaries({}, optional=KEYWORDS | within)


SIMPLE = st.one_of(st.booleans(), st.fixed_dictionaries({}, optional=KEYWORDS))
ANY = st.recursive(SIMPLE, larger, max_leaves=8)


@settings(max_examples=60)
@given(ANY, st.fixed_dictionaries({"a": ANY, "b": ANY}), st.integers(0, 3))
def test_an_instance_of_any_schema_is_valid_or_refused(
    schema: Any, definitions: dict[str, Any], seed: int
) -> None:
    document = {"allOf": [schema], "$defs": definitions}
    # The other implementation does not end where a branch leads back to the same value.
    with contextlib.suppress(HTTPError, RecursionError):
        # Without a checker: a value of an enum need not have the format beside it.
        Draft202012Validator(document).validate(made(document, seed))


def strict(schemas: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """What OpenAI allows in strict mode, with nothing that could contradict."""
    return st.one_of(
        st.dictionaries(st.text(max_size=5), schemas, max_size=4).map(lambda all: an_object(**all)),
        schemas.map(lambda one: {"type": "array", "items": one}),
        st.lists(schemas, min_size=1, max_size=3).map(lambda several: {"anyOf": several}),
        st.just({"$ref": "#/$defs/node"}),
    )


LEAVES = st.one_of(
    st.sampled_from([TEXT, WHOLE, NUMBER, {"type": "boolean"}, {"type": ["string", "null"]}]),
    st.lists(st.text(max_size=3), min_size=1, unique=True).map(lambda all: {"enum": all}),
    st.integers(-99, 99).map(lambda low: {"type": "number", "minimum": low, "maximum": low + 5}),
    st.integers(0, 30).map(lambda least: {"type": "string", "minLength": least}),
    st.integers(0, 5).map(lambda n: {"type": "array", "items": TEXT, "minItems": n, "maxItems": n}),
    st.sampled_from([{"type": "string", "format": name} for name in FORMATS]),
)


@given(st.recursive(LEAVES, strict, max_leaves=12), st.integers(0, 3))
def test_every_strict_schema_has_an_instance(schema: Any, seed: int) -> None:
    document = schema | {"$defs": {"node": NODE}}
    assert faults(document, made(document, seed)) == []
