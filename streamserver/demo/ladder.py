"""The ladder on the page: the list of its steps, and a page with the source of each."""

import re
from functools import cache
from html import escape
from pathlib import Path

from streamserver.demo.source import whole
from streamserver.learn.ladder import Step, steps

_TEMPLATE = Path(__file__).with_name("page") / "step.html"


@cache
def step_list() -> str:
    """An ordered list of links to the pages, each with what the step adds."""
    items = [
        f'<li><a href="/learn/{step.number}">{_title(step)}</a>\n<p>{_adds(step)}</p></li>\n'
        for step in steps()
    ]
    return f'<ol class="steps">\n{"".join(items)}</ol>'


@cache
def step_page(number: int) -> str | None:
    """The page of a step; None if there is no such step."""
    ladder = {step.number: step for step in steps()}
    if number not in ladder:
        return None
    step = ladder[number]
    values = {
        "number": str(number),
        "title": _title(step),
        "adds": _adds(step),
        "source": whole(step.path),
        "previous": _link(ladder.get(number - 1), "Previous", "prev"),
        "next": _link(ladder.get(number + 1), "Next", "next"),
    }
    template = _TEMPLATE.read_text("utf-8")
    return re.sub(r"\{(\w+)\}", lambda found: values[found[1]], template)


def _title(step: Step) -> str:
    return escape(_sentence(step.title))


def _adds(step: Step) -> str:
    return re.sub(r"`(.*?)`", r"<code>\1</code>", escape(_sentence(step.adds)))


def _sentence(text: str) -> str:
    """The text with a capital, unless it begins with the name of a library, such as h11."""
    return text[0].upper() + text[1:] if text.split()[0].isalpha() else text


def _link(step: Step | None, label: str, relation: str) -> str:
    if step is None:
        return ""
    link = f'<a href="/learn/{step.number}" rel="{relation}">{label}: {_title(step)}</a>'
    return f"<li>{link}</li>"
