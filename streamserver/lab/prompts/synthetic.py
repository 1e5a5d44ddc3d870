"""Synthetic prompts: texts of a given number of words, each of about one token.

Every word of the list, with the space before it, is one token of OpenAI's cl100k_base and
o200k_base, of Llama 2 and of Llama 3. Other tokenizers count about as many, and the template of a
chat adds a few. The target of this package counts exactly one for each word.

A prompt depends on the seed and its number only. The number is spelled by the first four words
after the shared part, so prompts differ there and prefix caches, which compare longer blocks, do
not hit. A second run with the same seed sends the same prompts, which a cache may still hold.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from streamserver.lab.prompts.conversation import Conversation, message

MOST_WORDS = 1_000_000
_TEXT = """
act action age air amount animal answer area arm art artist author baby back bad bank bed best big
bill blue board body book box call car career case center change child choice church city class
clear cold color cost course court cup dark data day deal deep degree design doctor dog door early
east effect end energy event eye face fact factor family father field figure film fire floor fly
foot force form free friend full fund future game glass goal good great green ground group growth
hair hand head health heart high home hot hour house idea image issue job kid kind land large late
law leader leg letter level life light line list long look loss lot love low man market matter
member mind minute moment money month mother movie music name nation nature need new news night
north note number office oil old open order others page paper parent part party people period
person phone piece place plan plant player point policy power price public race rate real reason
record red region report rest result right risk road role room rule scene school season sense
series short shot show side sign simple site size skill small son song sort sound source south
space sport staff stage star state step stock store story street strong study summer sure system
table tax team term test thing throw time top town trade tree truth type use value view voice wall
warm water way week west whole wide window woman word work worker world year young
"""
WORDS = tuple(_TEXT.split())
"""One for each value of a byte."""
_NUMBER = 4
"""Words that spell the number of a prompt: enough for 2**32."""


_range = re.compile(r"([0-9]{1,7})(?:\.\.([0-9]{1,7}))?").fullmatch


@dataclass(frozen=True, slots=True)
class Lengths:
    """Numbers of words, uniformly distributed between two, both included."""

    least: int
    most: int

    def __str__(self) -> str:
        return f"{self.least}" if self.least == self.most else f"{self.least}..{self.most}"


def parse_lengths(text: str) -> Lengths:
    """Parse ``N`` or ``N..M``; ValueError that names what is allowed."""
    found = _range(text)
    least, most = (int(found[1]), int(found[2] or found[1])) if found else (0, 0)
    if not 1 <= least <= most <= MOST_WORDS:
        raise ValueError(f"{text!r} is not N or N..M, with numbers from 1 to {MOST_WORDS}")
    return Lengths(least, most)


@dataclass(frozen=True, slots=True)
class Synthetic:
    """Conversations of synthetic prompts."""

    lengths: Lengths
    """The words of each prompt."""
    shared: int = 0
    """Percent of the words of the first prompt with which all conversations begin."""
    turns: int = 1
    text = ""

    def open(self, seed: int) -> Callable[[int], Conversation]:
        """A function from the number of a conversation to it."""
        common = Random(f"prompts/{seed}").randbytes(self._common(self.lengths.most))

        def conversation(n: int) -> Conversation:
            random = Random(f"prompts/{seed}/{n}")
            turns = []
            for turn in range(self.turns):
                count = random.randint(self.lengths.least, self.lengths.most)
                start = b"" if turn else common[: self._common(count)]
                number = n.to_bytes(_NUMBER, "little")[: count - len(start)]
                rest = random.randbytes(count - len(start) - len(number))
                turns.append([message("user", spell(start + number + rest))])
            return Conversation(turns)

        return conversation

    def _common(self, count: int) -> int:
        return round(count * self.shared / 100)


def spell(values: bytes) -> str:
    """The text with a word for each byte."""
    return " ".join([WORDS[value] for value in values])
