"""Prompts whose beginnings an engine has processed before, and need not process again."""

from collections import OrderedDict
from collections.abc import Sequence
from itertools import takewhile

BLOCK = 16
"""Tokens of a block, the unit in which a prefix is cached."""


class PrefixCache:
    """The blocks of the last prompts.

    A block is identified by the hash of its tokens and of all before it. Of a prompt that is too
    large, or was not used for the longest time, the last blocks are dropped first.
    """

    def __init__(self, tokens: int) -> None:
        self._limit = tokens // BLOCK
        self._blocks: OrderedDict[int, None] = OrderedDict()

    @property
    def tokens(self) -> int:
        """Tokens in the cache."""
        return len(self._blocks) * BLOCK

    def add(self, prompt: Sequence[str], name: str = "") -> int:
        """The tokens at the beginning of a prompt that are cached; all its whole blocks are from
        now on. At least one token is never counted: it is processed for the first of the answer.

        Prompts of another ``name`` share nothing with it.
        """
        blocks, key = list[int](), hash(name)
        for begin in range(0, len(prompt) - BLOCK + 1, BLOCK):
            key = hash((key, *prompt[begin : begin + BLOCK]))
            blocks.append(key)
        found = len(list(takewhile(self._blocks.__contains__, blocks)))
        for key in reversed(blocks):
            self._blocks[key] = None
            self._blocks.move_to_end(key)
        while len(self._blocks) > self._limit:
            self._blocks.popitem(last=False)
        return min(found, max(len(prompt) - 1, 0) // BLOCK) * BLOCK
