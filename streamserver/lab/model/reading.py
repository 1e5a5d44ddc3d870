"""Reads objects within objects of a request, so that errors name a value by its path."""

import re
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from streamserver.lab.model.members import check_members, wrong

_indices = re.compile(r"\[\d+\]")


class Form(NamedTuple):
    """The members of an object of one type."""

    served: tuple[str, ...] = ()
    without_effect: tuple[str, ...] = ()


class Reading:
    """Reads the values of one request. Their paths, as in ``messages[0].content``, name them in
    errors."""

    __slots__ = ("_without_effect",)

    def __init__(self) -> None:
        self._without_effect: dict[str, None] = {}

    @property
    def without_effect(self) -> list[str]:
        """For ``Asked.without_effect``: each path once, without the indices of lists."""
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
        prefix = path and f"{path}."
        for name in check_members(value, served, without_effect, prefix):
            self._without_effect[_indices.sub("", name)] = None
        return {name: one for name, one in value.items() if one is not None}

    def typed(
        self, path: str, value: object, forms: Mapping[str, Form]
    ) -> tuple[str, dict[str, Any]]:
        """An object whose ``type`` selects its other members; the type, and the object."""
        kind = value.get("type") if isinstance(value, dict) else None
        if not isinstance(kind, str) or kind not in forms:
            raise wrong(f"{path}.type", f"one of {', '.join(forms)}, which this model serves")
        served, without_effect = forms[kind]
        return kind, self.members(path, value, ("type", *served), without_effect)


def items(path: str, value: object, least: int, most: int) -> list[tuple[str, Any]]:
    """The values of a list with their paths; none for null, if none are allowed."""
    values = [] if value is None else value
    if not isinstance(values, list) or not least <= len(values) <= most:
        raise wrong(path, f"a list of {least} to {most} values")
    return [(f"{path}[{n}]", one) for n, one in enumerate(values)]


def string(path: str, value: object) -> str:
    """A text of any length."""
    if not isinstance(value, str):
        raise wrong(path, "a text")
    return value


def boolean(path: str, value: object, default: bool = False) -> bool:
    """True or false; ``default`` for null."""
    if value is not None and not isinstance(value, bool):
        raise wrong(path, "true or false")
    return default if value is None else value


def one_of(path: str, value: object, *allowed: str) -> str:
    """One of these texts."""
    if not isinstance(value, str) or value not in allowed:
        raise wrong(path, "one of " + ", ".join(allowed))
    return value
