"""Thousands of seeds at once: who learns parity, who gets stuck, and where.

Other wings and users import the names below from here. `sweep` trains and merges, `Result` is
what it returns and the file that it writes, `summary` and `table` say what became of the seeds.
"""

from .run import (
    Interrupted,
    Progress,
    Result,
    grid,
    parse_seeds,
    progress_bar,
    row_bytes,
    summary,
    sweep,
    table,
)

__all__ = [
    "Interrupted",
    "Progress",
    "Result",
    "grid",
    "parse_seeds",
    "progress_bar",
    "row_bytes",
    "summary",
    "sweep",
    "table",
]
