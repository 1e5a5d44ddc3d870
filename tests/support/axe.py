"""Rules of accessibility, checked by axe-core in the page itself."""

import json
from collections.abc import Sequence
from typing import Any

from support import peers

ALL = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
COLOURS = ["color-contrast", "link-in-text-block"]
"""The rules whose result depends on the colour scheme."""

_RUN = """async (rules) => {
  const found = await axe.run({ runOnly: rules, resultTypes: ["violations"] });
  const named = ({ id, nodes }) => [id, nodes.map(({ target }) => target)];
  return { violations: found.violations.map(named), passes: found.passes.length };
}"""  # the nodes of rules that pass are many, and are not collected


def check_axe(page: Any, scheme: str, least: int) -> None:
    """Assert that no rule is violated, and that at least so many pass; ``scheme``: ``light``, or
    ``dark``, for which the rules on colours are enough."""
    page.emulate_media(color_scheme=scheme)
    violations, passes = _run_axe(page, ALL if scheme == "light" else COLOURS)
    page.emulate_media(color_scheme="light")
    assert not violations, json.dumps(violations, indent=1)
    assert passes >= (least if scheme == "light" else 1)


def _run_axe(page: Any, rules: Sequence[str]) -> tuple[list[Any], int]:
    """The violations of these rules on a page, and the number of rules that pass."""
    script = peers.node_package("axe-core") / "axe-core" / "axe.min.js"
    page.evaluate(script.read_text("utf-8"))  # as a debugger does: no policy forbids it
    found = page.evaluate(_RUN, rules)
    return found["violations"], found["passes"]
