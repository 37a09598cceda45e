"""What became of the seeds of a sweep: counted by outcome, and as a table."""

from typing import Any

import numpy as np

from ..outcome import OUTCOMES, fraction, wilson
from .result import Result


def summary(result: Result, shown: int = 5) -> list[dict[str, Any]]:
    """Count the seeds of each class, the largest class first.

    Returns:
        A dictionary for each class that occurs, with ``outcome``; ``level`` (None if it has
        none); ``tied``, the groups of rows that are tied, each a list of rows as their bits;
        ``count``; ``share`` and its 95 % interval ``low`` to ``high``; and ``seeds``, the first
        `shown` of them.

    """
    S, N = result.prediction.shape
    width = N.bit_length() - 1
    level = np.nan_to_num(result.level.round(12), nan=-1.0)
    outcome = sum(k * (result.outcome == name) for k, name in enumerate(OUTCOMES))
    levels = np.unique(level[level >= 0])
    number = _number_rows([outcome, np.searchsorted(levels, level, side="right"), *result.tied.T])
    by_class = np.argsort(number, kind="stable")
    ends = np.flatnonzero(np.diff(number[by_class], append=-1)) + 1
    entries = []
    for members in np.split(by_class, ends[:-1]):
        count = members.size
        first = members[0]
        low, high = wilson(count, S)
        tied = result.tied[first]
        groups = [
            [f"{row:0{width}b}" for row in np.flatnonzero(tied == group)]
            for group in range(1, tied.max() + 1)
        ]
        entry = {
            "outcome": str(result.outcome[first]),
            "level": float(level[first]) if level[first] >= 0 else None,
            "tied": groups,
            "count": count,
            "share": count / S,
            "low": low,
            "high": high,
            "seeds": result.seed[members[:shown]].tolist(),
        }
        entries.append(entry)
    return sorted(entries, key=lambda entry: (-entry["count"], entry["seeds"]))


def _number_rows(columns: list[np.ndarray]) -> np.ndarray:
    """Number rows so that equal rows, and no others, have equal numbers.

    `np.unique` tells rows apart, too, but takes seconds for a million.

    Args:
        columns: each (S,) of integers from 0.

    """
    number, size = np.zeros(len(columns[0]), dtype=np.int64), 1
    for column in columns:
        values = int(column.max()) + 1
        if size * values > 2**62:
            seen, number = np.unique(number, return_inverse=True)
            size = len(seen)
        number = number * values + column
        size *= values
    return number


def table(result: Result) -> str:
    """`summary` as a table."""
    rows = [("outcome", "level", "tied", "seeds", "share", "95 % interval", "the first")]
    for entry in summary(result):
        rows.append((
            entry["outcome"],
            "" if entry["level"] is None else fraction(entry["level"]),
            "; ".join(" ".join(group) for group in entry["tied"]),
            f"{entry['count']}",
            f"{entry['share']:.2%}",
            f"{entry['low']:.2%} to {entry['high']:.2%}",
            ",".join(map(str, entry["seeds"])),
        ))  # fmt: skip
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    numbers = {3, 4}  # columns that are aligned on the right
    return "\n".join(
        "  ".join(
            cell.rjust(width) if k in numbers else cell.ljust(width)
            for k, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )
