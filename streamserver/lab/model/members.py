"""The members of a request, so that none is ignored silently."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TypeVar

from streamserver.kit.hints import did_you_mean
from streamserver.kit.params import Parameter, json_object
from streamserver.kit.request import Request
from streamserver.kit.response import Response
from streamserver.wire.json_text import to_json
from streamserver.wire.problem import HTTPError

T = TypeVar("T")

WITHOUT_EFFECT = "x-lab-without-effect"
"""The field of a response that lists members of the request without effect on this model."""
_SHOWN = 40
"""Characters of an unknown name that the error repeats."""


async def request_members(request: Request) -> dict[str, object]:
    """The members of the JSON object in a body, all of which can be written as JSON again.

    HTTPError 400 for any other body. ``json.loads`` accepts more: infinite numbers, and halves of
    surrogate pairs.
    """
    members = await json_object(request)
    try:
        to_json(members).encode()
    except ValueError:
        allowed = "numbers that are finite and characters that have a UTF-8 form"
        raise HTTPError(400, f"the body must have {allowed}") from None
    return members


def check_members(
    members: Mapping[str, object],
    served: Collection[str],
    without_effect: Collection[str],
    prefix: str = "",
) -> list[str]:
    """The given members that have no effect on this model, for ``Asked.without_effect``.

    A member that is null counts as left out. ``prefix`` is put before each name, as in
    ``messages[0].``. HTTPError 400 that names a member that is neither ``served`` nor
    ``without_effect``.
    """
    given = [name for name, value in members.items() if value is not None]
    for name in given:
        if name not in served and name not in without_effect:
            hint = did_you_mean(name, [*served, *without_effect])
            shown = prefix + name[:_SHOWN]
            raise HTTPError(400, f"{shown!a} is not served by this model{hint}", parameter=shown)
    return [prefix + name for name in given if name in without_effect]


def report_without_effect(response: Response, names: Sequence[str]) -> None:
    """Name these members in the response, if there are any."""
    if names:
        response.headers[WITHOUT_EFFECT] = ", ".join(names)


def check_values(members: Mapping[str, object], parameters: Iterable[Parameter[T]]) -> None:
    """HTTPError 400 for a member whose value its service refuses too."""
    for parameter in parameters:
        optional(parameter, members)


def wrong(name: str, allowed: str) -> HTTPError:
    """The refusal of a member."""
    return HTTPError(400, f"{name} must be {allowed}", parameter=name)


def optional(parameter: Parameter[T], members: Mapping[str, object]) -> T | None:
    """The value of a member that has no default; None if it is left out."""
    return None if members.get(parameter.name) is None else parameter.of(members)


def flag(name: str, *, default: bool = False) -> Parameter[bool]:
    """A member that is true or false."""

    def check(value: object) -> bool | None:
        return value if isinstance(value, bool) else None

    return Parameter(name, "true or false", str, check, default)


def object_member(name: str, value: object, example: str) -> dict[str, object]:
    """The object of a member; HTTPError 400 for any other value."""
    if not isinstance(value, dict):
        raise wrong(name, f"an object: {example}")
    return value


def list_member(name: str, value: object, most: int, of: str) -> list[object]:
    """The list of a member, [] if it is left out; HTTPError 400 for any other value."""
    if value is None:
        return []
    if not isinstance(value, list) or len(value) > most:
        raise wrong(name, f"a list of up to {most} {of}")
    return value
