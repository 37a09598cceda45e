"""Many verdicts at once: a line for each file, a table, and the table as CSV."""

import csv
import io
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from .outline import WHOLE_REPORT, Outline, printable
from .terminal import COLOURS, Style, console, finished

MOST_OF_NAME = 30  # characters of a file's name on one line
NAMES = ("correct", "wrong", "cannot tell")
COLUMNS = (
    *("file", "verdict", "line", "cell", "module", "variable", "mistake", "mistake_code"),
    *("reason", "reason_code", "loss", "lr", "seconds", "copy_of"),
)


@dataclass
class Row:
    """One file of many."""

    outline: Outline
    json: Mapping[str, Any]  # as `Verdict.to_json` makes it
    seconds: float
    copy_of: str | None = None  # the first file with the same code

    @property
    def path(self) -> str:
        return self.outline.path

    @property
    def verdict(self) -> str:
        return self.outline.verdict

    def line(self) -> str:
        """The line that is shown as soon as the file is done."""
        return printable(f"{self.outline.title}: {self.outline.first_line}")

    def to_json(self) -> dict[str, Any]:
        return {**self.json, "seconds": round(self.seconds, 2), "copy_of": self.copy_of}


def summary(rows: Sequence[Row]) -> str:
    """How many files there are of each verdict: "63 files: 25 correct, 32 wrong, 6 cannot tell"."""
    count = Counter(row.verdict for row in rows)
    some = ", ".join(f"{count[name]} {name}" for name in NAMES if count[name])
    return f"{len(rows)} file{'s' if len(rows) != 1 else ''}: {some}"


def mistakes(rows: Sequence[Row]) -> list[tuple[str, int]]:
    """The mistakes of a class, the commonest first."""
    names = Counter(row.json["mistake"] or "no name" for row in rows if row.verdict == "wrong")
    return names.most_common()


def table_of(rows: Sequence[Row], style: Style, hint: int = WHOLE_REPORT) -> str:
    """The table of all files, as wide as the terminal; `hint` says how much of it may be told."""
    from rich.table import Table
    from rich.text import Text

    page = console(style)
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold", pad_edge=False)
    head, names = names_of(rows)
    cut: Any = "ellipsis" if style.unicode else "crop"  # the reasons in full are in the pages
    longest = min(max(map(len, names), default=0), MOST_OF_NAME)
    left = style.width - longest - len("  cannot tell    lines  123.4 s  ")
    table.add_column(head, overflow="fold")
    table.add_column("verdict", no_wrap=True)
    if hint >= 2:
        table.add_column("line", justify="right", no_wrap=True)
    if hint != 2:
        table.add_column("layer" if hint == 1 else "mistake, or reason", no_wrap=True)
    table.add_column("time", justify="right", no_wrap=True)
    for row, name in zip(rows, names, strict=True):
        words = row.json["mistake"] or row.json["reason"] or ""
        if row.verdict == "correct":
            words = ""
        elif hint == 1:
            words = row.outline.layer if row.verdict == "wrong" else ""
        elif row.verdict == "wrong" and not row.json["mistake"] and row.outline.where:
            words = row.outline.headline
        if row.copy_of:
            words = f"the same code as {row.copy_of}{'; ' if words else ''}{words}"
        cells = [Text(printable(name)), Text(row.verdict, COLOURS[row.verdict])]
        if hint >= 2:
            cells.append(Text(short_place(row)))
        if hint != 2:
            cells.append(Text(printable(words)))
            cells[-1].truncate(left, overflow=cut)
        table.add_row(*cells, Text(f"{row.seconds:.1f} s"))
    page.print(table)
    page.print(Text(f"\n{summary(rows)}", "bold"))
    if hint > 2:
        for name, n in mistakes(rows):
            page.print(Text(f"{n:>4}  {printable(name)}"))
    return finished(page)


def names_of(rows: Sequence[Row]) -> tuple[str, list[str]]:
    """The head of the column of files, with the folder that all are in; their names within it."""
    paths = [PurePath(row.path) for row in rows]
    try:
        folder = os.path.commonpath([path.parent for path in paths])
    except ValueError:  # some of them absolute, some not
        folder = ""
    if not folder:
        return "file", [str(path) for path in paths]
    return f"file in {folder}", [str(path.relative_to(folder)) for path in paths]


def short_place(row: Row) -> str:
    """A line as a table shows it: ``26``, ``3:4`` in a notebook's cell, ``44 of net.py``."""
    line, cell, module = row.json["line"], row.json["cell"], row.json["module"]
    if line is None:
        return ""
    return f"{cell}:{line}" if cell is not None else f"{line} of {module}" if module else str(line)


def csv_of(rows: Sequence[Row]) -> str:
    """One line for each file below a line of column names."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    for row in rows:
        values = {**row.to_json(), "file": row.path}
        writer.writerow({name: _cell(values[name]) for name in COLUMNS})
    return text.getvalue()


def _cell(value: Any) -> Any:
    """A value that no spreadsheet reads as a formula."""
    text = printable(value).replace("\n", " ") if isinstance(value, str) else value
    return f"'{text}" if isinstance(text, str) and text.startswith(("=", "+", "-", "@")) else text
