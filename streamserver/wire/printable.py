r"""Text of a peer, made safe to show: every character that does not print is escaped.

A terminal executes control characters, those from U+0080 to U+009F included; bidirectional controls
reorder the text around them, and invisible characters make two texts look equal. A lone surrogate
cannot even be encoded. Each becomes an escape of Python's, such as ``\x9b`` or ``\u202e``.
"""

import re

# Unicode counts these as letters or marks, so ``str.isprintable`` is true, but they show nothing:
# joiners, fillers, variation selectors and the blank of Braille (Default_Ignorable_Code_Point in
# DerivedCoreProperties.txt, and U+2800).
_INVISIBLE = (
    "\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u2800\u3164\ufe00-\ufe0f\uffa0"
    "\U000e0100-\U000e01ef"
)
_beyond_ascii = re.compile(r"[^ -~]")
_invisible = re.compile(f"[{_INVISIBLE}]").match


def printable(text: str) -> str:
    """The text with each character escaped that does not print, line ends included.

    A backslash stays as it is, so that paths and JSON can be read; an escape may thus be text that
    the peer sent.
    """
    if text.isascii() and text.isprintable():
        return text
    return _beyond_ascii.sub(_escaped, text)


def _escaped(found: re.Match[str]) -> str:
    character = found[0]
    if character.isprintable() and not _invisible(character):
        return character
    return character.encode("unicode_escape").decode("ascii")
