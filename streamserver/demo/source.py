"""The code behind an endpoint, as HTML: read from the functions that run, so it is never stale."""

import inspect
import io
import keyword
import tokenize
from collections.abc import Callable, Iterator
from html import escape
from pathlib import Path
from textwrap import dedent
from typing import Any

PACKAGE = Path(__file__).parents[1]


def shown(*functions: Callable[..., Any]) -> str:
    """Functions of one file, and where they stand."""
    sources = [dedent(inspect.getsource(function)).rstrip() for function in functions]
    path = Path(inspect.getsourcefile(functions[0]) or "")
    code = "\n".join([marked(source) for source in sources])  # lines end by themselves
    return _code(code, path, inspect.getsourcelines(functions[0])[1])


def excerpt(path: Path, begin: str, end: str) -> str:
    """The lines of a file from the one that begins with ``begin`` to the one before the next that
    begins with ``end``; StopIteration if there are none."""
    lines = path.read_text("utf-8").splitlines(keepends=True)
    first = next(n for n, line in enumerate(lines) if line.startswith(begin))
    last = next(n for n, line in enumerate(lines) if n > first and line.startswith(end))
    code = [f'<span class="line">{escape(line)}</span>' for line in lines[first:last]]
    return _code("".join(code), path, first + 1)


def _code(code: str, path: Path, line: int) -> str:
    whose = "Server" if path.suffix == ".py" else "Browser"
    where = f'<p class="where">{path.relative_to(PACKAGE.parent)}, from line {line}</p>\n'
    label = f'role="group" tabindex="0" aria-label="{whose} code: {path.name}"'
    return f"{where}<pre {label}><code>{code}</code></pre>"


def marked(source: str) -> str:
    """Python as HTML, with what a reader looks for in colour; each line an element of its own, so
    that one which is too long may go on further in."""
    lines = [""]
    for kind, text in _pieces(source):
        for part in text.splitlines(keepends=True):
            lines[-1] += f'<span class="{kind}">{escape(part)}</span>' if kind else escape(part)
            if part.endswith("\n"):
                lines.append("")
    return "".join([f'<span class="line">{line}</span>' for line in lines if line])


def _pieces(source: str) -> Iterator[tuple[str, str]]:
    """All of the source, cut where a token of some kind begins or ends."""
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
