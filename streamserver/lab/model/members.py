"""The members of a request, so that none is ignored silently."""

from collections.abc import Collection, Mapping

from streamserver.kit.hints import did_you_mean
from streamserver.wire.problem import HTTPError

_SHOWN = 40
"""Characters of an unknown name that the error repeats."""


def check_members(
    members: Mapping[str, object], served: Collection[str], without_effect: Collection[str]
) -> list[str]:
    """The given members that have no effect on this model, for ``Asked.without_effect``.

    A member that is null counts as left out. HTTPError 400 that names a member that is neither
    ``served`` nor ``without_effect``.
    """
    given = [name for name, value in members.items() if value is not None]
    for name in given:
        if name not in served and name not in without_effect:
            hint = did_you_mean(name, [*served, *without_effect])
            shown = name[:_SHOWN]
            raise HTTPError(400, f"{shown!a} is not served by this model{hint}", parameter=shown)
    return [name for name in given if name in without_effect]


def wrong(name: str, allowed: str) -> HTTPError:
    """The refusal of a member."""
    return HTTPError(400, f"{name} must be {allowed}", parameter=name)
