"""The result of a measure: a table for people, JSON for programs, and the comparisons it makes."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

Cell = str | float | None
Row = dict[str, Cell]
OURS = "streamserver"
"""The names of our own rows begin with it."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column: the key of its cells, its heading with the unit, the decimals of its numbers."""

    key: str
    heading: str
    decimals: int = 0

    def show(self, cell: Cell) -> str:
        """Return a cell as text; a missing figure is a dash."""
        if cell is None:
            return "-"
        return cell if isinstance(cell, str) else f"{cell:,.{self.decimals}f}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratio(Column):
    """The figures of the column `of` divided by those of the row `to`, with a target for ours.

    The ratio is taken within each round; the cell is the median of the rounds.
    """

    of: str
    to: str
    target: float | None = None
    more: bool = False
    """Whether more is better, so that the target is a lower bound."""

    def judge(self, ratio: float) -> str:
        """Return the target, and whether a ratio meets it."""
        if self.target is None:
            return "no target"
        is_met = ratio >= self.target if self.more else ratio <= self.target
        bound = "at least" if self.more else "at most"
        return f"target {bound} {self.target:.3g}, {'met' if is_met else 'missed'}"


@dataclass(frozen=True, slots=True)
class Result:
    """One table: its `name` for programs, its `title` for people, its columns and rows."""

    name: str
    title: str
    columns: Sequence[Column]
    rows: Sequence[Row]
    absent: Mapping[str, str] = field(default_factory=dict)
    """Who did not take part, and why."""

    def table(self) -> str:
        """Return the table as text, with a line below it for each comparison of ours."""
        grid = [[column.heading for column in self.columns]]
        grid += [[column.show(row[column.key]) for column in self.columns] for row in self.rows]
        widths = [max(map(len, cells)) for cells in zip(*grid, strict=True)]
        rule = ["-" * width for width in widths]
        lines = [_line(cells, widths) for cells in [grid[0], rule, *grid[1:]]]
        notes = [f"{name}: {reason}" for name, reason in self.absent.items()]
        return "\n".join([self.title, "", *lines, "", *self.comparisons(), *notes, ""])

    def comparisons(self) -> Iterator[str]:
        """Yield for each figure of ours what it is compared to, and the target.

        Where the others are compared to ours, yield theirs.
        """
        ratios = [column for column in self.columns if isinstance(column, Ratio)]
        if not ratios:
            yield "compared to nothing, no target"
        columns = {column.key: column for column in self.columns}
        for row in self.rows:
            for column in ratios:
                name, ratio, of = row[self.columns[0].key], row[column.key], columns[column.of]
                is_listed = str(name).startswith(OURS) != (column.to == OURS)
                if is_listed and isinstance(ratio, (int, float)):
                    figure = f"{of.heading} {of.show(row[of.key])}"
                    compared = f"{ratio:.2f} times that of {column.to}"
                    yield f"{name}: {figure}, {compared}; {column.judge(ratio)}"


def save(path: Path, machine: Mapping[str, str], results: Sequence[Result]) -> None:
    """Write all results, and the machine that they are from, as JSON."""
    document = {"machine": machine, "results": [asdict(result) for result in results]}
    path.write_text(json.dumps(document, indent=1) + "\n")


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    name, *figures = cells
    padded = [cell.rjust(width) for cell, width in zip(figures, widths[1:], strict=True)]
    return "  ".join([name.ljust(widths[0]), *padded])
