"""JSON Schemas that permit nothing that they do not name."""

from typing import Any

from support import peers


def closed(schema: Any) -> Any:
    """The schema without permission for members that it does not name."""
    if isinstance(schema, list):
        return [closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    found = {name: closed(one) for name, one in schema.items()}
    return found | {"additionalProperties": False} if "properties" in schema else found


def strict_validator(schema: Any) -> Any:
    """A validator of the closed schema, which must be a valid one itself."""
    validator = peers.module("jsonschema").Draft202012Validator
    validator.check_schema(schema)
    return validator(closed(schema))
