"""Code as HTML: the functions behind an endpoint, read from the objects that run, and commands.

Long lines wrap. Each line is an element whose class is its indentation, so that the style sheet
can indent continuation lines further than the line itself. Identifiers, options and field names
are not split: ``<wbr>`` marks where a line may break, and words with hyphens do not wrap.
"""

import inspect
import io
import keyword
import re
import tokenize
from collections.abc import Callable, Iterator
from html import escape
from pathlib import Path
from textwrap import dedent
from typing import Any

PACKAGE = Path(__file__).parents[1]

# `Cache-Control`, `--data`: browsers break a line after each hyphen. A backslash that continues a
# command stays at the end of its line.
_word = re.compile(r"(-*\w+(?:-\w+)+|--\w+|[\w.]+'? \\(?=\n))")
# After an opening bracket or the slash of a path, before the dot of an attribute.
_breaks = re.compile(
    r"""(?<=[(\[])(?=[\w"']|\Z)|(?<=[\w}]/)(?=\w|\Z)|(?<=[\w)\]])(?=\.[A-Za-z_])"""
)


def shown(*functions: Callable[..., Any]) -> str:
    """Functions of one file, with its path and the line of the first."""
    sources = [dedent(inspect.getsource(function)).rstrip() for function in functions]
    path = Path(inspect.getsourcefile(functions[0]) or "")
    code = "\n".join([marked(source) for source in sources])
    return _code(code, path, inspect.getsourcelines(functions[0])[1])


def whole(path: Path) -> str:
    """A Python file, from its first line to its last."""
    return _code(marked(path.read_text("utf-8")), path, 1)


def excerpt(path: Path, begin: str, end: str) -> str:
    """The lines of a file from the one that begins with ``begin`` to the one before the next that
    begins with ``end``, without blank lines at its end; StopIteration if there are none."""
    lines = path.read_text("utf-8").splitlines(keepends=True)
    first = next(n for n, line in enumerate(lines) if line.startswith(begin))
    last = next(n for n, line in enumerate(lines) if n > first and line.startswith(end))
    return _code(_plain("".join(lines[first:last]).rstrip("\n")), path, first + 1)


def command(text: str) -> str:
    """A command for a terminal."""
    return _block("Command", _plain(text))


def _code(code: str, path: Path, line: int) -> str:
    whose = "Server" if path.suffix == ".py" else "Browser"
    name = _wrappable(str(path.relative_to(PACKAGE.parent)))
    where = f'<p class="where">{name}, <span class="word">line {line}</span></p>\n'
    return where + _block(f"{whose} code: {path.name}", code)


def _block(label: str, code: str) -> str:
    """A scrollable element: it has a name and can get the keyboard's focus."""
    return f'<pre role="group" tabindex="0" aria-label="{label}"><code>{code}</code></pre>'


def _plain(text: str) -> str:
    lines = text.splitlines(keepends=True)
    return "".join([_line(line, _wrappable(line)) for line in lines])


def marked(source: str) -> str:
    """Python as HTML, with a class for each keyword, string and comment."""
    texts, lines = [""], [""]
    for kind, text in _pieces(source):
        for part in text.splitlines(keepends=True):
            code = _wrappable(part)
            texts[-1] += part
            lines[-1] += f'<span class="{kind}">{code}</span>' if kind else code
            if part.endswith("\n"):
                texts.append("")
                lines.append("")
    return "".join(map(_line, texts, lines))


def _line(text: str, code: str) -> str:
    """The element of a line, from its text and its HTML; nothing for no text."""
    indentation = len(text) - len(text.lstrip(" "))
    return f'<span class="line in{indentation}">{code}</span>' if text else ""


def _wrappable(text: str) -> str:
    """Text as HTML, with the places where a line may break, and those where it may not."""
    html = []
    for n, part in enumerate(_word.split(text)):
        code = "<wbr>".join(map(escape, _breaks.split(part)))
        html.append(f'<span class="word">{escape(part)}</span>' if n % 2 else code)
    return "".join(html)


def _pieces(source: str) -> Iterator[tuple[str, str]]:
    """The whole source, cut where a token that has a class begins or ends."""
    lines = source.splitlines(keepends=True)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))
    done = 0
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        kind = _kind(token)
        if kind:
            begin, end = (starts[row - 1] + column for row, column in (token.start, token.end))
            yield "", source[done:begin]
            yield kind, source[begin:end]
            done = end
    yield "", source[done:]


def _kind(token: tokenize.TokenInfo) -> str:
    name = tokenize.tok_name[token.type]
    if name == "STRING" or name.startswith("FSTRING"):
        return "string"
    if name == "COMMENT":
        return "comment"
    return "keyword" if name == "NAME" and keyword.iskeyword(token.string) else ""
