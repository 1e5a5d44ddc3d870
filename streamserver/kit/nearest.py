"""The right word that is nearest to a wrong one, for messages that refuse the wrong one."""

from collections.abc import Iterable

_LONGEST = 40
"""Characters of a word that are compared: the time grows with their square."""


def did_you_mean(word: str, words: Iterable[str], prefix: str = "") -> str:
    """`` (did you mean 'count'?)``, to be appended to a message; empty if no word is near.

    Upper and lower case are the same. ``prefix``: what all the words and ``word`` lack in front.
    """
    from difflib import get_close_matches  # here, since only a mistake needs it

    folded = {known.lower(): known for known in words}
    found = get_close_matches(word[:_LONGEST].lower(), folded, n=1)
    return f" (did you mean {prefix + folded[found[0]]!r}?)" if found else ""
