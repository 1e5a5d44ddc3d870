r"""Text of a peer, made safe to print.

Terminals execute control characters, U+0080 to U+009F included; bidirectional controls reorder
text, invisible characters make two texts look equal, and lone surrogates cannot be encoded. Each
is replaced by its Python escape, such as ``\x9b`` or ``\u202e``.
"""

import re

# Letters and marks to Unicode, so ``str.isprintable`` is true, but invisible: joiners, fillers,
# variation selectors (Default_Ignorable_Code_Point in DerivedCoreProperties.txt), blank Braille.
_INVISIBLE = (
    "\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u2800\u3164\ufe00-\ufe0f\uffa0"
    "\U000e0100-\U000e01ef"
)
_beyond_ascii = re.compile(r"[^ -~]")
_invisible = re.compile(f"[{_INVISIBLE}]").match


def printable(text: str) -> str:
    """The text with each unprintable character escaped, line ends included.

    A backslash stays, so that paths and JSON remain readable. An escape in the result may thus
    be text of the peer.
    """
    if text.isascii() and text.isprintable():
        return text
    return _beyond_ascii.sub(_escape, text)


def _escape(found: re.Match[str]) -> str:
    character = found[0]
    if character.isprintable() and not _invisible(character):
        return character
    return character.encode("unicode_escape").decode("ascii")
