"""Schemas that are not served, or have no instance: the errors name the keyword and its place."""

from random import Random
from typing import Any

import pytest

from streamserver.lab.model.schema import MAX_ALL_STEPS, Form
from streamserver.wire.problem import HTTPError

TEXT, WHOLE = {"type": "string"}, {"type": "integer"}


def an_object(**properties: Any) -> dict[str, Any]:
    found = {"type": "object", "properties": properties, "required": [*properties]}
    return found | {"additionalProperties": False}


NESTED: dict[str, Any] = {}
for _ in range(70):
    NESTED = {"items": NESTED}
DEEP: list[Any] = []
for _ in range(2000):
    DEEP = [DEEP]
ENDLESS = an_object(a={"$ref": "#"})
# Each level has two branches that fail at the bottom.
DOUBLING = {f"s{n}": {"anyOf": [{"$ref": f"#/$defs/s{n + 1}"}] * 2} for n in range(50)}
DOUBLING["s50"] = {"allOf": [TEXT, WHOLE]}
# Each property has a schema of each of these.
MANY_OBJECTS = {
    "allOf": [an_object(**{f"p{n}": {}}) | {"additionalProperties": TEXT} for n in range(500)]
}
# Their least common multiple has 400,000 bits.
COPRIME = {"allOf": [{"multipleOf": 2**1000 + 2 * n + 1} for n in range(400)]}
WIDE = {"type": "array", "minItems": 80, "items": {"$ref": "#"}, "maxItems": 80}


@pytest.mark.parametrize(
    ("schema", "problem"),
    [
        ({"not": {}}, "not at # is not served"),
        (an_object(a={"if": {}, "then": {}}), "if at #/properties/a is not served"),
        ({"properties": {"a/b": {"contains": {}}}}, "contains at #/properties/a~1b is not served"),
        ({"patternProperties": {}}, "patternProperties at # is not served"),
        ({"anyOf": [{}, {"contains": {}}]}, "contains at #/anyOf/1 is not served"),
        ({"type": "text"}, "type at # must be one of array, boolean"),
        ({"type": []}, "type at # must be one of"),
        ({"enum": []}, "enum at # must be a list of 1 to 1000 values"),
        ({"items": [{}]}, "items at # must be a schema"),
        ({"properties": [{}]}, "properties at # must be an object of schemas"),
        ({"properties": {"a": 7}}, "properties at # must be an object of schemas"),
        ({"anyOf": []}, "anyOf at # must be a list of schemas"),
        ({"allOf": [7]}, "allOf at # must be a list of schemas"),
        ({"required": "a"}, "required at # must be a list of names"),
        ({"minimum": True}, "minimum at # must be a number"),
        ({"minimum": float("inf")}, "minimum at # must be a number"),
        ({"maximum": 10**400}, "maximum at # must be a number"),
        ({"exclusiveMinimum": True, "minimum": 5}, "exclusiveMinimum at # must be a number"),
        ({"multipleOf": 0}, "multipleOf at # must be a number above 0"),
        ({"minItems": -1}, "minItems at # must be a whole number from 0 on"),
        ({"uniqueItems": 1}, "uniqueItems at # must be true or false"),
        ({"pattern": "(?=a)"}, "pattern at # is not served: it has a group (?"),
        ({"pattern": 7}, "pattern at # must be a text of up to 1000 characters"),
        ({"items": {"$ref": "other.json"}}, "$ref at #/items must refer to a schema of this"),
        ({"$ref": "#/$defs/none"}, "$ref at # must refer to a schema of this document"),
        ({"$ref": "#/required", "required": []}, "$ref at # must refer to a schema"),
        ({"$ref": 7}, "$ref at # must refer to a schema of this document, not '7'"),
        (False, "a schema that is false allows no value"),
        ({"type": "string", "allOf": [WHOLE]}, "type at #/allOf/0 contradicts another type"),
        ({"type": "string", "enum": [1]}, "enum at # has no value that the other keywords allow"),
        ({"const": 1, "minimum": 2}, "const at # has no value that the other keywords allow"),
        ({"enum": ["a"], "pattern": "a"}, "pattern at # is not served beside enum, const and"),
        ({"minimum": 2, "maximum": 1}, "minimum at # has no value that the other keywords allow"),
        ({"type": "integer", "exclusiveMinimum": 1, "exclusiveMaximum": 2}, "exclusiveMinimum at"),
        (COPRIME | {"minimum": 1}, "minimum at # has no value that the other keywords allow"),
        ({"minLength": 10_001}, "minLength at # is more than 10000"),
        ({"minLength": 2, "maxLength": 1}, "minLength at # is more than maxLength"),
        ({"format": "date", "minLength": 50}, "format at # has no value of the allowed"),
        ({"pattern": "^a$", "minLength": 2}, "pattern at # has no value of the allowed"),
        ({"pattern": "a", "format": "date"}, "format at # is not served beside another"),
        ({"minItems": 10**9}, "minItems at # is more than 4000"),
        ({"minItems": 4000, "items": WHOLE}, "a value takes more than 4000 steps"),
        (MANY_OBJECTS, "a value takes more than 4000 steps"),
        ({"uniqueItems": True, "minItems": 3, "items": {"enum": [1, 2]}}, "uniqueItems: there are"),
        ({"minProperties": 1, "additionalProperties": False}, "minProperties at # is more than"),
        ({"required": ["a", "b"], "maxProperties": 1}, "required at # has more names than"),
        ({"required": ["a"], "additionalProperties": False}, "a schema that is false allows no"),
        ({"oneOf": [TEXT, TEXT]}, "oneOf at # has branches that allow the same"),
        (ENDLESS, "$ref at # has no value that ends"),
        ({"$ref": "#"} | WIDE, "$ref at # has no value that ends"),
        ({"$ref": "#/$defs/s0", "$defs": DOUBLING}, "a value takes more than 4000 steps"),
        (NESTED, "schemas are nested in more than 64 levels"),
        ({"anyOf": [{}] * 2001}, "there are more than 2000 schemas within the schema"),
        ({"anyOf": [True] * 2001}, "there are more than 2000 schemas within the schema"),
        ({"type": ["null"] * 8}, "type at # must be one of"),
        ({"required": ["a"] * 20_001}, "required at # is too long: there are at most"),
        ({"anyOf": [{"pattern": "a" * 999}] * 21}, "pattern at #/anyOf/20 is too long"),
        ({"const": DEEP}, "a value is nested too deeply"),
        ({"const": float("nan")}, "a number that is not finite"),
        ({"enum": [float("inf")], "type": "number"}, "a number that is not finite"),
        ({"const": "\ud800"}, "half of a surrogate pair"),
        ({"const": "a" * 400_000}, "the values have more than 400000 characters"),
        ({"properties": {"a" * 10_000: {"type": 7}}}, "type at #/properties/" + "a" * 30),
    ],
)  # fmt: skip
def test_what_is_not_served_is_named(schema: Any, problem: str) -> None:
    with pytest.raises(HTTPError) as refused:
        Form(schema, "form").instance(Random(1))
    assert refused.value.status == 400
    assert refused.value.members["parameter"] == "form"
    assert refused.value.detail.startswith("form: ")
    assert problem in refused.value.detail
    assert len(refused.value.detail) < 300


def test_all_instances_of_a_request_have_a_limit() -> None:
    form = Form({"type": "array", "minItems": 600, "items": WHOLE}, "form")
    fitting = MAX_ALL_STEPS // 1800
    for seed in range(fitting):
        form.instance(Random(seed))
    with pytest.raises(HTTPError, match="the values of all choices take more than"):
        form.instance(Random(fitting))
