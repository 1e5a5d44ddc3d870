"""Keys of services: read from the environment, where no list of processes shows them."""

import re
from collections.abc import Mapping

from streamserver.cli.problem import CannotServe

_is_key = re.compile(r"[!-~]+").fullmatch


def key_of(variable: str, environment: Mapping[str, str], flag: str = "--api-key-env") -> str:
    """The key that a variable holds, which ``flag`` named.

    Raises CannotServe, which never repeats it, if there is none or if it is not one word of ASCII.
    """
    key = environment.get(variable)
    if not key:
        raise CannotServe(
            f"{flag}: the environment variable {variable} is not set, or empty"
        )
    if not _is_key(key):
        raise CannotServe(f"{flag}: {variable} holds something else than one word of ASCII")
    return key
