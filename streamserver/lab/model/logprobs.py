"""Log probabilities of tokens: always the same for a token at a position, and plausible.

The token of the answer is the most likely one. The probabilities of the alternatives fall from rank
to rank, and those of all sum to at most 1.
"""

from itertools import islice
from math import log
from typing import NamedTuple
from zlib import crc32

from streamserver.lab.model.asked import Json

_ALTERNATIVES = (
    *(" the", " a", " of", " and", " to", " in", " is", " it", " that", " for", " on", " as"),
    *(" with", " at", " by", " or", ",", ".", " not", " be", " this", " an"),
)
_FALL = 0.6
"""The ratio of the probabilities of two ranks."""


class TokenLogprob(NamedTuple):
    """A token, and the natural logarithm of its probability."""

    token: str
    logprob: float


def ranked(token: str, position: int, alternatives: int) -> list[TokenLogprob]:
    """The token of the answer, then this number of less likely tokens, up to 20."""
    hashed = crc32(f"{position} {token}".encode(errors="replace"))
    probability = 0.5 + 0.499 * (hashed / 2**32)
    found = [TokenLogprob(token, log(probability))]
    if not alternatives:
        return found
    first = hashed % len(_ALTERNATIVES)
    others = (one for one in _ALTERNATIVES[first:] + _ALTERNATIVES[:first] if one != token)
    share = (1 - probability) * (1 - _FALL)
    for other in islice(others, alternatives):
        found.append(TokenLogprob(other, log(share)))
        share *= _FALL
    return found


def describe(token: str, position: int, count: int) -> Json:
    """The token in the form of OpenAI, with the ``count`` most likely ones, itself included."""
    found = [_describe(one) for one in ranked(token, position, max(0, count - 1))]
    return found[0] | {"top_logprobs": found[:count]}


def _describe(one: TokenLogprob) -> Json:
    data = list(one.token.encode(errors="replace"))
    return {"token": one.token, "logprob": one.logprob, "bytes": data}
