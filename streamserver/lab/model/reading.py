"""Reads objects within objects of a request, so that errors name a value by its path."""

import re
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple, TypeVar

from streamserver.kit.params import Parameter, one_of
from streamserver.lab.model.members import check_members, list_member, wrong
from streamserver.wire.problem import HTTPError

T = TypeVar("T")

MAX_OBJECTS = 10_000
"""Objects of a request, such as messages and their parts, which are read in 50 ms."""
_indices = re.compile(r"\[\d+\]")


class Form(NamedTuple):
    """The members of an object of one type."""

    served: tuple[str, ...] = ()
    without_effect: tuple[str, ...] = ()


class Reading:
    """Reads the values of one request. Their paths, as in ``messages[0].content``, name them in
    errors."""

    __slots__ = ("_left", "_without_effect")

    def __init__(self) -> None:
        self._left = MAX_OBJECTS
        self._without_effect: dict[str, None] = {}

    @property
    def without_effect(self) -> list[str]:
        """The paths for ``Asked.without_effect``: each once, without the indices of lists."""
        return [*self._without_effect]

    def members(
        self,
        path: str,
        value: object,
        served: Collection[str],
        without_effect: Collection[str] = (),
    ) -> dict[str, Any]:
        """An object with no other members than these; a member that is null is left out. The path
        of the body itself is ""."""
        if not isinstance(value, dict):
            raise wrong(path, "an object")
        if not self._left:
            detail = f"{path}: a request has at most {MAX_OBJECTS} objects"
            raise HTTPError(400, detail, parameter=path)
        self._left -= 1
        prefix = path and f"{path}."
        for name in check_members(value, served, without_effect, prefix):
            self._without_effect[_indices.sub("", name)] = None
        return {name: one for name, one in value.items() if one is not None}

    def typed(
        self, path: str, value: object, forms: Mapping[str, Form]
    ) -> tuple[str, dict[str, Any]]:
        """An object whose ``type`` selects its other members; the type, and the object."""
        if not isinstance(value, dict):
            raise wrong(path, "an object")
        kind = word(f"{path}.type", value.get("type"), forms)
        served, without_effect = forms[kind]
        return kind, self.members(path, value, ("type", *served), without_effect)


def items(path: str, value: object, most: int, of: str) -> list[tuple[str, Any]]:
    """The values of a list, none if it is left out, with their paths."""
    return [(f"{path}[{n}]", one) for n, one in enumerate(list_member(path, value, most, of))]


def checked(parameter: Parameter[T], value: object) -> T:
    """A value that is allowed, or the default for null; the name of the parameter is its path."""
    return parameter.of({parameter.name: value})


def word(path: str, value: object, words: Collection[str]) -> str:
    """One of the words. Parameters are made for an error only, since a request has many."""
    if isinstance(value, str) and value in words:
        return value
    return checked(one_of(path, *words), value)


def string(path: str, value: object) -> str:
    """A text of any length."""
    if not isinstance(value, str):
        raise wrong(path, "a text")
    return value


def schema(path: str, value: object) -> dict[str, Any]:
    """A JSON Schema."""
    if not isinstance(value, dict):
        raise wrong(path, "a JSON Schema")
    return value
