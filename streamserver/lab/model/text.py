"""The texts of the model, and their tokens.

A hash of the conversation selects one of a few texts, so a test knows the answer. It repeats a part
of the prompt and has characters beyond ASCII, since a stream may be cut within a character.
"""

import hashlib
import json
import re
from collections.abc import Sequence

from streamserver.lab.model.asked import Message

MAX_ECHO = 60
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
    " token is an event: the word “data”, a colon, a line of JSON, and a blank line that"
    " ends it. After the last token, one more event holds only [DONE] → it shows you that the"
    " answer is complete, and was not cut off.",
    "A tale of “{echo}”: once there were two servers. One kept its words until the last was"
    " ready, and its readers watched a wheel turn, ◐ ◓ ◑ ◒, and left. The other sent each"
    " word at once. Both needed just as long, but only one was read to its end. 📖",
    "Three thoughts on “{echo}”:\n\n"
    "① The first word matters most: it shows you that the service works.\n"
    "② Text that you will not read need not be produced: press stop, and this answer ends.\n"
    "③ These lines end in line feeds, and yet each event is one line: JSON writes them as"
    " \\n. Très pratique!",
    "While you think about “{echo}”, mind the bytes: 流れ, Japanese for flow, is two"
    " characters and six bytes, and this otter is one and four: 🦦. A network cuts wherever"
    " it likes, so a reader of a stream keeps half a character until the other half has"
    " arrived. Do you see the otter? Then your client does this.",
)
"""Each contains ``{echo}`` once, and characters of two, three or four bytes."""

REASONING = (
    "The question is read from its first word to its last. A hash of the conversation selects one"
    " of a few answers, so nothing has to be weighed: the answer is known before the question is"
    " understood. What remains is the order of the words, and their times. The clock gives those."
)
"""How each answer is found."""
REFUSAL = "Sorry, this question has no answer: a parameter of the request demands a refusal."
FINGERPRINT = "fp_" + hashlib.sha256("".join(ANSWERS).encode()).hexdigest()[:10]
"""While it does not change, the same conversation gets the same answer."""

_token = re.compile(r" ?\w{1,12}| ?[^\w\s]{1,12}|\s{1,12}")


def digest(conversation: Sequence[Message]) -> bytes:
    """A hash of a conversation."""
    pairs = [(message.role, message.content) for message in conversation]
    return hashlib.sha256(json.dumps(pairs).encode()).digest()


def varied(hashed: bytes, variant: str) -> bytes:
    """The hash for a variant of the answers to a conversation; "" for the first one."""
    return hashlib.sha256(hashed + variant.encode()).digest() if variant else hashed


def answer_text(conversation: Sequence[Message], hashed: bytes | None = None) -> str:
    """The answer to a conversation that a hash selects, by default that of the conversation."""
    selected = int.from_bytes((hashed or digest(conversation))[:8])
    text = ANSWERS[selected % len(ANSWERS)]
    prompts = [message.content for message in conversation if message.role == "user"]
    return text.format(echo=echo(prompts[-1] if prompts else conversation[-1].content))


def echo(prompt: str) -> str:
    """The beginning of a prompt, printable and on one line.

    Control characters could change the text around it in a terminal, and half a surrogate pair has
    no encoding.
    """
    printable = "".join([c if c.isprintable() else " " for c in prompt[: 4 * MAX_ECHO]])
    words = " ".join(printable.split())
    return words if 0 < len(words) <= MAX_ECHO else words[:MAX_ECHO].rstrip() + "…"


def tokenize(text: str) -> list[str]:
    """The tokens of a text, which join to it; a space begins a token, as in common tokenizers."""
    return _token.findall(text)
