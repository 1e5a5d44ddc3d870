"""What the model says, and the tokens it says it in.

A test needs an answer that is known, a person one that is worth reading, and both need more
than ASCII in it, since a stream may be cut in the middle of a character. So a hash of the
conversation chooses one of a few answers, and a piece of the prompt comes back in it.
"""

import hashlib
import json
import re
from collections.abc import Sequence
from typing import NamedTuple

ECHO = 60
"""Characters of the prompt that an answer repeats."""

ANSWERS = (
    "You wrote “{echo}”. I wish I could think about that, but I am a very small model: a hash"
    " chose this answer, and a clock spells it out. What is real is the way it reaches you:"
    " each word in a chunk of its own, sent the moment it was due. Voilà, streaming! 🌊",
    "“{echo}”? A large model would multiply billions of numbers before each of these words. I"
    " just look at the clock, which from where you sit is much the same: the next word is not"
    " there yet, and you are reading anyway. That is the whole trick … and a déjà vu for"
    " anybody who ever watched a teleprinter.",
    "To be honest, I know nothing about “{echo}”. But I know how you come to read this. Every"
    " token is an event: the word “data”, a colon, a line of JSON, and a blank line that lets"
    " it go. When nothing is left to say, one last event holds only [DONE] → and then you"
    " know that I finished, and was not cut off.",
    "A tale of “{echo}”: once there were two servers. One kept its words until the last was"
    " ready, and its readers watched a wheel turn, ◐ ◓ ◑ ◒, and left. The other let each word"
    " go as it came. Both needed just as long, but only one was read to its end. 📖",
    "Three thoughts on “{echo}”:\n\n"
    "① The first word matters most: it tells you that somebody is there.\n"
    "② What nobody reads need not be made. Press stop, and I fall silent mid-sentence.\n"
    "③ These lines end in line feeds, and yet each event is one line: JSON writes them as"
    " \\n. Très pratique!",
    "While you think about “{echo}”, mind the bytes: 流れ, Japanese for flow, is two"
    " characters and six bytes, and this otter is one and four: 🦦. A network cuts wherever"
    " it likes, so whoever reads a stream keeps half a character until the other half is"
    " there. You see the otter? Then somebody did it right.",
)
"""Each holds ``{echo}`` once, and characters of two, three or four bytes."""

FINGERPRINT = "fp_" + hashlib.sha256("".join(ANSWERS).encode()).hexdigest()[:10]
"""As long as this is the same, the same conversation gets the same answer."""


class Message(NamedTuple):
    """One turn of a conversation."""

    role: str
    text: str


def answer(conversation: Sequence[Message]) -> str:
    """What the model says next; never the same by chance, always the same for the same."""
    digest = hashlib.sha256(json.dumps(conversation).encode()).digest()
    chosen = ANSWERS[int.from_bytes(digest[:8]) % len(ANSWERS)]
    prompts = [message.text for message in conversation if message.role == "user"]
    return chosen.format(echo=echo(prompts[-1] if prompts else conversation[-1].text))


def echo(prompt: str) -> str:
    """The beginning of a prompt, fit to stand in a sentence: on one line, and printable.

    What is not printable could turn the text around it or write over it in a terminal, and
    half of a surrogate pair could not be sent at all.
    """
    printable = "".join([c if c.isprintable() else " " for c in prompt[: 4 * ECHO]])
    words = " ".join(printable.split())
    return words if 0 < len(words) <= ECHO else words[:ECHO].rstrip() + "…"


def tokens(text: str) -> list[str]:
    """A text in pieces that join to exactly it; as tokenizers have it, a space begins a token."""
    return _token.findall(text)


_token = re.compile(r" ?\w{1,12}| ?[^\w\s]{1,12}|\s{1,12}")
