"""The steps of the ladder, as the docstrings of their files describe them."""

import ast
import re
from pathlib import Path
from typing import NamedTuple


class Step(NamedTuple):
    """A step: its number, its file, a title and what it adds to the step before."""

    number: int
    path: Path
    title: str
    adds: str


_step = re.compile(r"Step (\d): (.*)\.\n\nAdds: (.*?)\n\n", re.DOTALL).match


def steps() -> list[Step]:
    """All steps, in order. ValueError for a file without the title or the paragraph "Adds:"."""
    found = []
    for path in sorted(Path(__file__).parent.glob("s[1-9]_*.py")):
        text = ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""
        if (step := _step(text)) is None:
            raise ValueError(f'the docstring of {path} begins with "Step N: TITLE." and "Adds: "')
        found.append(Step(int(step[1]), path, step[2], " ".join(step[3].split())))
    return found
