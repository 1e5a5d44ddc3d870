"""Which characters of a peer's text are escaped."""

import unicodedata

import pytest

from streamserver.wire.printable import printable

UNCHANGED = ["", 'plain text, {"json": 1} \\n', "déjà vu", "流れ", "🌊", "e\u0301"]


@pytest.mark.parametrize("text", UNCHANGED)
def test_printable_text_is_unchanged(text: str) -> None:
    assert printable(text) == text


ESCAPED = [
    ("\x1b[2J", r"\x1b[2J"),
    ("a\r\nb\tc\x7f", r"a\r\nb\tc\x7f"),
    ("\x9b31m\x85", r"\x9b31m\x85"),
    ("abc\u202ecba\u2066\u061c", r"abc\u202ecba\u2066\u061c"),
    ("a\u200bb\u200d\ufeff\u00ad", r"a\u200bb\u200d\ufeff\xad"),
    ("\u2028\u2029\u00a0\u3000", r"\u2028\u2029\xa0\u3000"),
    ("\ud800x\udfff", r"\ud800x\udfff"),
    ("\ue000\U000e0041\U0010ffff", r"\ue000\U000e0041\U0010ffff"),
    ("\u3164\u2800\ufe0f\U000e0100", r"\u3164\u2800\ufe0f\U000e0100"),
]


@pytest.mark.parametrize(("text", "escaped"), ESCAPED)
def test_unprintable_characters_are_escaped(text: str, escaped: str) -> None:
    assert printable(text) == escaped


def test_no_control_format_surrogate_or_unassigned_character_passes() -> None:
    """In the planes of letters, and in that of tags."""
    tested = [*map(chr, range(0x20000)), *map(chr, range(0xE0000, 0xE0200))]
    passed = {character for character in tested if printable(character) == character}
    assert {unicodedata.category(character)[0] for character in passed} <= set("LMNPS") | {"Z"}
    assert {character for character in passed if character.isspace()} == {" "}
    assert all(character.isprintable() for character in passed)
