"""What a measurement returns, as a table to read and as JSON to keep."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

Cell = str | float | None
Row = dict[str, Cell]


@dataclass(frozen=True, slots=True)
class Column:
    """A column: the key of its cells, its heading with the unit, decimals of its numbers."""

    key: str
    heading: str
    decimals: int = 0

    def show(self, cell: Cell) -> str:
        """Return a cell as text; a figure that there is none of is a dash."""
        if cell is None:
            return "-"
        return cell if isinstance(cell, str) else f"{cell:,.{self.decimals}f}"


@dataclass(frozen=True, slots=True)
class Result:
    """One table: what was measured (`name` for machines, `title` for people), and the figures."""

    name: str
    title: str
    columns: Sequence[Column]
    rows: Sequence[Row]
    absent: Mapping[str, str] = field(default_factory=dict)

    def table(self) -> str:
        """Return the table as text: names to the left, figures to the right."""
        grid = [[column.heading for column in self.columns]]
        grid += [[column.show(row[column.key]) for column in self.columns] for row in self.rows]
        widths = [max(map(len, cells)) for cells in zip(*grid, strict=True)]
        rule = ["-" * width for width in widths]
        lines = [_line(cells, widths) for cells in [grid[0], rule, *grid[1:]]]
        notes = [f"{name}: {reason}" for name, reason in self.absent.items()]
        return "\n".join([self.title, "", *lines, *notes, ""])


def save(path: Path, machine: Mapping[str, str], results: Sequence[Result]) -> None:
    """Write everything that was measured, and on what, as JSON."""
    document = {"machine": machine, "results": [asdict(result) for result in results]}
    path.write_text(json.dumps(document, indent=1) + "\n")


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    name, *figures = cells
    padded = [cell.rjust(width) for cell, width in zip(figures, widths[1:], strict=True)]
    return "  ".join([name.ljust(widths[0]), *padded])
