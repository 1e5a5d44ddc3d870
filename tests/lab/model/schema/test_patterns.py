"""Texts for regular expressions match them, as Python's ``re`` sees it."""

import re
from random import Random

import pytest

from streamserver.lab.model.schema.patterns import check_pattern, matching


def spend(steps: int) -> None:
    assert steps >= 0


@pytest.mark.parametrize(
    ("pattern", "least", "most"),
    [
        ("", 0, 0),
        ("abc", 0, 9),
        ("^abc$", 3, 3),
        ("^a|b$", 0, 9),
        ("^(?:red|green|blue)$", 4, 5),
        ("^[a-z0-9_-]{3,16}$", 10, 12),
        ("^[^a-z]+$", 5, 9),
        ("^[^\\W\\da-yA-Zb-f_\\u007f-\\uffff]{3}$", 3, 3),
        ("^[\\w.+-]+@[\\w-]+\\.[a-z]{2,}$", 12, 40),
        ("^\\d{4}-\\d{2}-\\d{2}$", 10, 10),
        ("^\\+?[1-9]\\d{1,14}$", 0, 20),
        ("^(\\d{1,3}\\.){3}\\d{1,3}$", 7, 15),
        ("^#([0-9A-Fa-f]{6})$", 0, 9),
        ("^\\S+\\s\\D\\W$", 4, 20),
        ("^.*$", 50, 60),
        ("^x*?y+?z??$", 20, 30),
        ("^\\u6d41\\x41\\t[\\n\\]\\\\]$", 0, 9),
        ("[]a]", 1, 1),
        ("[\\u4e00-\\u9fff]{2}", 2, 2),
        ("[\\u0000-\\uffff]{9}", 9, 9),
        ("a{0}b{2,}", 7, 7),
        ("^(a(b(c)*)*)*$", 9, 9),
    ],
)
def test_texts_match(pattern: str, least: int, most: int) -> None:
    assert check_pattern(pattern) == ""
    for seed in range(20):
        found = matching(pattern, Random(seed), least, most, spend)
        assert found is not None
        assert least <= len(found) <= most
        assert re.search(pattern, found, re.DOTALL), found
        found.encode()


@pytest.mark.parametrize(
    ("pattern", "problem"),
    [
        (7, "must be a text of up to 1000 characters"),
        ("a" * 1001, "must be a text of up to 1000 characters"),
        ("(", "has a ( without )"),
        (")", "has a ) without ("),
        ("[a", "ends too early"),
        ("\\", "ends too early"),
        ("*a", "has * with nothing before it"),
        ("a**", "has a quantifier after a quantifier"),
        ("a{x}", "has { } without a number"),
        ("a{5,2}", "has a quantifier that is not from 0 to 1000"),
        ("a{1001}", "has a quantifier that is not from 0 to 1000"),
        ("[b-a]", "has a range in [ ] whose end is before its beginning"),
        ("[a-\\d]", "has a range in [ ] whose end is before its beginning"),
        ("\\uXYZW", "has \\u without digits"),
        ("(?=a)", "is not served: it has a group (?"),
        ("(?P<name>a)", "is not served: it has a group (?"),
        ("(a)\\1", "is not served: it has \\1"),
        ("\\bword\\b", "is not served: it has \\b"),
        ("\\p{L}", "is not served: it has \\p"),
        ("a^b", "is not served: it has ^ within the expression"),
        ("(a$)", "is not served: it has $ within the expression"),
        ("[^\\u0000-\\uffff]", "is not served: it has a class without printable characters"),
        ("(" * 21 + ")" * 21, "has groups in more than 20 levels"),
    ],
)
def test_what_is_not_served(pattern: object, problem: str) -> None:
    assert check_pattern(pattern) == problem


@pytest.mark.parametrize(
    ("pattern", "least", "most"),
    [
        ("^a$", 2, 9),
        ("^aa$", 0, 1),
        ("(((a{1000}){1000}){1000}){1000}", 0, 9),
        ("((((){1000}){1000}){1000}){1000}", 0, 9),
    ],
)
def test_a_text_that_is_not_found(pattern: str, least: int, most: int) -> None:
    assert matching(pattern, Random(1), least, most, spend) is None
