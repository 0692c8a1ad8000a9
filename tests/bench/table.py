"""Lines as a table: for the terminal, and for a page."""

from __future__ import annotations

from collections.abc import Sequence

from cases import Line

HEAD = ("workload", "floor s", "nomad s", "CPU s", "MB", "ratio", "target", "")


def cells(line: Line) -> tuple[str, ...]:
    """Write a line's figures, each as it is read best."""
    floor = f"{line.floor.wall:.2f}" if line.floor else "-"
    ours = line.ours
    unit = f" {line.unit}" if line.unit else ""
    figure, target = (f"{x:.3g}{unit}" for x in (line.figure, line.target))
    costs = (f"{ours.wall:.2f}", f"{ours.cpu:.2f}", f"{ours.peak:.0f}")
    return (line.title, floor, *costs, figure, target, "met" if line.met else "NOT MET")


def plain(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Align columns: the first and one without a name to the left, figures to the right."""
    widths = [max(len(row[i]) for row in (head, *rows)) for i in range(len(head))]

    def one(row: Sequence[str]) -> str:
        made = (
            cell.ljust(width) if name in (head[0], "") else cell.rjust(width)
            for name, cell, width in zip(head, row, widths, strict=True)
        )
        return "  ".join(made).rstrip()

    return "\n".join(one(row) for row in (head, *rows))


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Write the same for a page."""
    rule = ["---" if name in (head[0], "") else "---:" for name in head]
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, rule, *rows))
