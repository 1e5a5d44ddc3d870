"""Texts that match a regular expression.

The subset has literals, classes, groups, alternatives, quantifiers, and anchors at the ends of the
expression. ``re`` is not used: on a hostile expression it does not end.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import TypeAlias

MAX_PATTERN = 1000
"""Characters of an expression."""
MAX_REPEATS = 1000
MAX_NESTING = 20
MAX_STEPS = 20_000
"""Parts of an expression that one text is made of."""
_MORE = 3
"""Repetitions beyond the least that a quantifier allows."""
_ATTEMPTS = 20

Range: TypeAlias = tuple[int, int]
_CLASSES: dict[str, list[Range]] = {
    "d": [(48, 57)],
    "w": [(48, 57), (65, 90), (95, 95), (97, 122)],
    "s": [(32, 32), (9, 10), (13, 13)],
}
_CONTROLS = {"n": "\n", "r": "\r", "t": "\t", "f": "\f", "v": "\v"}
_PRINTABLE: list[Range] = [
    (one, one) for one in (*range(97, 123), *range(48, 58), *range(65, 91), *range(32, 127), 9)
]
_LETTERS: list[Range] = [(97, 122)]


class PatternError(Exception):
    """An expression is not in the subset, or a text that matches it is too long."""


@dataclass(frozen=True, slots=True)
class _Class:
    """One character of these ranges."""

    ranges: Sequence[Range]


@dataclass(frozen=True, slots=True)
class _Repeat:
    """An expression, several times."""

    of: "_Node"
    least: int
    most: int | None


_Node: TypeAlias = "str | _Class | _Repeat | _Alternatives"
_Alternatives: TypeAlias = "tuple[list[_Node], ...]"


class _Parser:
    def __init__(self, pattern: str) -> None:
        self._text = pattern
        self._at = 0
        self._nesting = 0

    def parse(self) -> "_Alternatives":
        """The alternatives of the whole expression."""
        found = self._alternatives()
        if self._at < len(self._text):
            raise PatternError("has a ) without (")
        return found

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _next(self) -> str:
        if not (found := self._peek()):
            raise PatternError("ends too early")
        self._at += 1
        return found

    def _skip(self, text: str) -> bool:
        is_next = self._text.startswith(text, self._at)
        self._at += len(text) * is_next
        return is_next

    def _alternatives(self) -> "_Alternatives":
        found = [self._sequence()]
        while self._skip("|"):
            found.append(self._sequence())
        return tuple(found)

    def _sequence(self) -> "list[_Node]":
        nodes: list[_Node] = []
        if not self._nesting:
            self._skip("^")
        while (following := self._peek()) and following not in "|)":
            if not self._nesting and following == "$" and self._text[self._at + 1 :][:1] in "|":
                self._at += 1
                break
            nodes.append(self._quantified(self._atom()))
        return nodes

    def _atom(self) -> "_Node":
        found = self._next()
        if found == "(":
            return self._group()
        if found == "[":
            return self._class()
        if found == ".":
            return _Class(_LETTERS)
        if found == "\\":
            return self._escape()
        if found in "^$":
            raise PatternError(f"is not served: it has {found} within the expression")
        if found in "*+?{":
            raise PatternError(f"has {found} with nothing before it")
        return found

    def _group(self) -> "_Alternatives":
        if self._peek() == "?" and not self._skip("?:"):
            raise PatternError("is not served: it has a group (?")
        self._nesting += 1
        if self._nesting > MAX_NESTING:
            raise PatternError(f"has groups in more than {MAX_NESTING} levels")
        found = self._alternatives()
        self._nesting -= 1
        if not self._skip(")"):
            raise PatternError("has a ( without )")
        return found

    def _escape(self) -> "str | _Class":
        found = self._next()
        if found.lower() in _CLASSES:
            ranges = _CLASSES[found.lower()]
            return _Class(ranges if found in _CLASSES else _complement(ranges))
        if found in _CONTROLS:
            return _CONTROLS[found]
        if found in "ux":
            digits = "".join([self._next() for _ in range(4 if found == "u" else 2)])
            try:
                return chr(int(digits, 16))
            except ValueError:
                raise PatternError(f"has \\{found} without digits") from None
        if found.isalnum():
            raise PatternError(f"is not served: it has \\{found}")
        return found

    def _class(self) -> _Class:
        is_negated = self._skip("^")
        ranges: list[Range] = []
        while not self._skip("]") or not ranges:
            first = self._class_atom()
            if isinstance(first, _Class):
                ranges += first.ranges
                continue
            last = first
            is_range = self._peek() == "-" and self._text[self._at + 1 :][:1] not in ("]", "")
            if is_range:
                self._at += 1
                end = self._class_atom()
                last = end if isinstance(end, str) else ""
                if last < first:
                    raise PatternError("has a range in [ ] whose end is before its beginning")
            ranges.append((ord(first), ord(last)))
        return _Class(_complement(ranges) if is_negated else ranges)

    def _class_atom(self) -> "str | _Class":
        found = self._next()
        return self._escape() if found == "\\" else found

    def _quantified(self, node: "_Node") -> "_Node":
        following = self._peek()
        if following in ("*", "+", "?"):
            self._at += 1
            node = _Repeat(node, int(following == "+"), 1 if following == "?" else None)
        elif following == "{":
            self._at += 1
            node = self._counted(node)
        else:
            return node
        self._skip("?")
        if self._peek() in ("*", "+", "{", "?"):
            raise PatternError("has a quantifier after a quantifier")
        return node

    def _counted(self, node: "_Node") -> _Repeat:
        text, _, _ = self._text[self._at :].partition("}")
        self._at += len(text) + 1
        least, comma, most = text.partition(",")
        if not least.isdecimal() or not (most.isdecimal() or not most):
            raise PatternError("has { } without a number")
        upper = (int(most) if most else None) if comma else int(least)
        if int(least) > MAX_REPEATS or (upper is not None and upper < int(least)):
            raise PatternError(f"has a quantifier that is not from 0 to {MAX_REPEATS}")
        return _Repeat(node, int(least), upper)


def _complement(ranges: Sequence[Range]) -> list[Range]:
    """Printable characters that are in none of the ranges."""
    # A class of a hostile expression has thousands of ranges, so each is read once.
    excluded = {one for first, last in ranges for one in range(first, min(last, 126) + 1)}
    found = [one for one in _PRINTABLE if one[0] not in excluded]
    if not found:
        raise PatternError("is not served: it has a class without printable characters")
    return found


class _Writer:
    """Writes one text that matches; PatternError for one that is too long."""

    def __init__(self, random: Random, more: int, needed: int, most: int) -> None:
        self._random = random
        self._more = more
        self._needed = needed
        self._left = most
        self.steps = MAX_STEPS

    def alternatives(self, node: "_Alternatives") -> str:
        """A text that matches one of the alternatives."""
        return "".join([self._node(one) for one in self._random.choice(node)])

    def _node(self, node: "_Node") -> str:
        self.steps -= 1
        if not self.steps:
            raise PatternError("has a text that takes too many steps")
        if isinstance(node, tuple):
            return self.alternatives(node)
        if isinstance(node, _Repeat):
            return "".join([self._node(node.of) for _ in range(self._count(node))])
        self._left -= 1
        if self._left < 0:
            raise PatternError("is longer than maxLength")
        if isinstance(node, str):
            return node
        first, last = self._random.choice(node.ranges)
        found = self._random.randint(first, last)
        # Half of a surrogate pair has no encoding.
        return chr(first if 0xD800 <= found <= 0xDFFF else found)

    def _count(self, node: _Repeat) -> int:
        most = node.least + self._more if node.most is None else node.most
        needed = min(most, self._needed) if node.most is not None else self._needed
        self._needed = max(0, self._needed - needed)
        least = max(node.least, needed)
        return self._random.randint(least, max(least, min(most, node.least + self._more)))


def check_pattern(pattern: object) -> str:
    """What is wrong with an expression; "" for one of the subset."""
    if not isinstance(pattern, str) or len(pattern) > MAX_PATTERN:
        return f"must be a text of up to {MAX_PATTERN} characters"
    try:
        _Parser(pattern).parse()
    except PatternError as error:
        return str(error)
    return ""


def matching(
    pattern: str, random: Random, least: int, most: int, spend: Callable[[int], None]
) -> str | None:
    """A text of ``least`` to ``most`` characters that matches; None if none is found. ``spend`` is
    called with the steps that this takes."""
    spend(len(pattern) // 10)
    parsed = _Parser(pattern).parse()
    for n in range(_ATTEMPTS):
        # The repetitions first vary, and are then as few as possible, with what is needed added
        # to those that are written first.
        is_varied = n < _ATTEMPTS // 2
        needed = 0 if is_varied else max(0, least - (n - _ATTEMPTS // 2))
        writer = _Writer(random, _MORE if is_varied else 0, needed, most)
        try:
            found = writer.alternatives(parsed)
        except PatternError:
            if not writer.steps:
                return None
            continue
        finally:
            spend((MAX_STEPS - writer.steps) // 20)
        if least <= len(found) <= most:
            return found
    return None
