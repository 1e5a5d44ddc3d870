"""Texts and numbers that the keywords of several schemas allow."""

from collections.abc import Callable, Sequence
from random import Random
from typing import NamedTuple

from streamserver.lab.model.schema.document import Document, Plain
from streamserver.lab.model.schema.numbers import between
from streamserver.lab.model.schema.patterns import matching
from streamserver.lab.model.schema.strings import FORMATS, MAX_LENGTH, words

_FAILED = 40
"""The steps that a search without a result counts."""
NUMBERS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf")


class Context(NamedTuple):
    """What the functions that make values need."""

    document: Document
    random: Random
    spend: Callable[[int], None]
    """Called with the steps that a value takes; raises TooManySteps."""


def string(context: Context, schemas: Sequence[Plain]) -> str:
    """A text; SchemaError if there is none."""
    least, most = limits(context, schemas, "Length", MAX_LENGTH)
    context.spend(least // 100)
    special = [
        (schema, keyword)
        for keyword in ("pattern", "format")
        for schema in schemas
        if keyword in schema and (keyword == "pattern" or schema[keyword] in FORMATS)
    ]
    if not special:
        return words(context.random, least, most)
    schema, keyword = special[-1]
    if len(special) > 1:
        raise context.document.error(schema, keyword, "is not served beside another of its kind")
    found: str | None
    if keyword == "pattern":
        found = matching(schema[keyword], context.random, least, most, context.spend)
    else:
        found = FORMATS[schema[keyword]](context.random)
    if found is None or not least <= len(found) <= most:
        raise context.document.error(schema, keyword, "has no value of the allowed length")
    return found


def number(context: Context, schemas: Sequence[Plain], *, is_whole: bool) -> float:
    """A number; SchemaError if there is none."""

    def ends(keyword: str) -> list[tuple[float, bool]]:
        exclusive = "exclusive" + keyword[0].upper() + keyword[1:]
        return [
            (schema[one], one == exclusive)
            for schema in schemas
            for one in (keyword, exclusive)
            if one in schema
        ]

    multiples = [schema["multipleOf"] for schema in schemas if "multipleOf" in schema]
    lower, upper = ends("minimum"), ends("maximum")
    context.spend(len(lower) + len(upper) + len(multiples))
    found = between(context.random, lower, upper, multiples, is_whole=is_whole)
    if found is None:
        context.spend(_FAILED)
        named = [(schema, one) for schema in schemas for one in NUMBERS if one in schema]
        problem = "has no value that the other keywords allow"
        raise context.document.error(*named[0], problem)
    return found


def limits(context: Context, schemas: Sequence[Plain], suffix: str, limit: int) -> tuple[int, int]:
    """The least and most length, items or properties; SchemaError if the least is more than
    ``limit``."""
    least, most = 0, 2**53
    by: Plain = {}
    for schema in schemas:
        if schema.get(f"min{suffix}", 0) > least:
            least, by = schema[f"min{suffix}"], schema
        most = min(most, schema.get(f"max{suffix}", most))
    if least > limit:
        raise context.document.error(by, f"min{suffix}", f"is more than {limit}")
    if least > most:
        raise context.document.error(by, f"min{suffix}", f"is more than max{suffix}")
    return least, most
